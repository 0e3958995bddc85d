from meterai import links


def opens(**changes: object) -> bool:
    told: dict[str, object] = {"kind": "order", "code": "MT-0000-0001", "version": 1}
    key = links.key(**told)  # type: ignore[arg-type]
    return links.opens(**({"given": key} | told | changes))  # type: ignore[arg-type]


def test_a_key_opens_what_it_was_made_for() -> None:
    assert opens()


def test_a_key_opens_nothing_else() -> None:
    assert not opens(code="MT-0000-0002")
    assert not opens(kind="document")
    assert not opens(given="")
    assert not opens(given="é" * 22)


def test_raising_the_version_revokes_the_key() -> None:
    assert not opens(version=2)


def test_keys_fit_into_an_address_and_are_long_enough() -> None:
    keys = {links.key(kind="order", code=f"MT-{number}", version=1) for number in range(200)}
    assert len(keys) == 200
    assert all(len(key) == 22 and key.replace("-", "").replace("_", "").isalnum() for key in keys)


def test_a_serials_address_cannot_be_guessed_from_another() -> None:
    first, second = links.serial_mac("A" * 22), links.serial_mac("B" * 22)
    assert first != second and len(first) == len(second) == 12
