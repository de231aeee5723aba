-- ARGV: 1 points, 2 interval, 3 block, 4 for how long points are leased, 5 and 6 token and rate, 7
-- strip (see ratelimit.Terms), then for each key a cost, or cost, count and points to be leased.
local points, interval, block, life = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
