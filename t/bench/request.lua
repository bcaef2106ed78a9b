-- wrk sends the request that lies, head and body, in the file named behind
-- "--", and says what came of it in one line for scripts/bench.

function init(args)
    local file = assert(io.open(args[1], "rb"))
    local text = file:read("*a")

    file:close()
    wrk.format = function() return text end
end


function done(summary, latency)
    local e = summary.errors

    io.write(string.format("bench %d %d %d %d %d %.0f %.0f\n",
        summary.requests, summary.duration, summary.bytes,
        e.status, e.connect + e.read + e.write + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
