-- Answers for each key: how many consumes were allowed; points that are left, or -1 if it is blocked; when
-- there is a point more; when there are all, or it is not blocked. Where points were to be leased, also how
-- many were, and until when.
local answer, at = {}, 0
for i = 1, #KEYS do
	local key, want = KEYS[i], ARGV[i + 7]
	local cost, count, ahead = tonumber(want), 1, 0
	if not cost then
		cost, count, ahead = match(want, '^(%d+) (%d+) (%d+)$')
		cost, count, ahead = tonumber(cost), tonumber(count), tonumber(ahead)
	end
	local state = call('HMGET', key, 'until', 'gone', FIELD)
	local till, got, more, lent, left, soon, rest = whole(state[1]) or 0, 0, 0, 0, -1, 0, 0
	if till <= now then
		local write = settle(state[3])
		left = free()
		if count > 0 then got = min(count, floor(left / cost)) end
		if got > 0 then left = left - got * cost; spend(got * cost) end
		if got < count then
			if block > 0 then till = now + block end
		elseif ahead > 0 and left > 0 then
			more = min(ahead, left)
			lent, left = lease(more) - now, left - more
		end
		rest = full()
		if till > now then call('HSET', key, 'until', format('%d', till)) end
		if write or got + more > 0 or till > now then
			call('HSET', key, FIELD, text())
			lasts(key, state[2], max(till - now, rest))
		end
		soon = nextpoint(left)
	end
	if till > now then left, soon, rest = -1, till - now, till - now end
	answer[at + 1], answer[at + 2], answer[at + 3], answer[at + 4] = got, left, soon, rest
	at = at + 4
	if ahead > 0 then
		answer[at + 1], answer[at + 2] = more, lent
		at = at + 2
	end
end
return answer
