"""How a notice reaches a person: one class a channel, one contract for all. Which ones: the setting NOTICE_CHANNELS."""
