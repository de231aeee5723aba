-- ARGV: 1 where to go on, 2 about how many fields to look at. Answers where to go on, the time, then
-- field and value of each cursor.
local page = call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local fields = page[2]
local answer, drop = {page[1], format('%.0f', now)}, {}
for i = 1, #fields, 2 do
	if over(fields[i], fields[i + 1]) then
		drop[#drop + 1] = fields[i]
	elseif string.sub(fields[i], 1, 1) == 'c' then
		answer[#answer + 1] = fields[i]
		answer[#answer + 1] = fields[i + 1]
	end
end
for i = 1, #drop, 1000 do
	call('HDEL', KEYS[1], unpack(drop, i, math.min(i + 999, #drop)))
end
return answer
