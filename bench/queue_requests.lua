-- For wrk: people who join, or who enter with tickets of a file. Each has an address of its own, as the proxy in front
-- tells the app: its limits are per address.
local threads = 0
function setup(thread)
  thread:set("nth", threads)
  threads = threads + 1
end

function init(args)
  kind, asked, tickets = args[1], 0, {}
  math.randomseed(os.time() + nth)
  if args[2] then
    local line = 0
    for ticket in io.lines(args[2]) do
      if line % 2 == nth then tickets[#tickets + 1] = ticket end
      line = line + 1
    end
  end
end

function request()
  asked = asked + 1
  local address = string.format("10.%d.%d.%d", math.random(254), math.random(254), math.random(254))
  local body = "{}"
  if kind == "enter" then body = '{"ticket":"' .. tickets[(asked - 1) % #tickets + 1] .. '"}' end
  local headers = { ["Content-Type"] = "application/json", ["X-Forwarded-For"] = address }
  return wrk.format("POST", nil, headers, body)
end
