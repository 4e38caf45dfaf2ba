-- wrk's script: sends requests made beforehand, each once and in turn over all connections, and tells what came of it.
-- The file named on the command line holds them, each behind a line with its length.

local threads = {}
local requests = {}
at = 0

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read("*l")
    if not length then
      break
    end
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function request()
  at = at + 1
  return requests[(at - 1) % #requests + 1]
end

function done(summary, latency)
  local sent = 0
  for _, thread in ipairs(threads) do
    sent = sent + thread:get("at")
  end
  local times = {}
  for place = 1, #latency do
    local microseconds, count = latency(place)
    times[place] = string.format("[%d,%d]", microseconds, count)
  end
  local errors = summary.errors
  io.write(string.format(
    'TOLD {"answers": %d, "microseconds": %d, "sent": %d, "refused": %d, "broken": %d, "times": [%s]}\n',
    summary.requests, summary.duration, sent, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, table.concat(times, ",")))
end
