-- ARGV: 1 for how long (ms), 2 the command that publishes, 3 channel. Answers the lives with what is
-- known of them.
local over = call('MGET', KEYS[4])[1] or head(redis.pcall) or ''
call('SET', KEYS[4], over, 'PX', ARGV[1])
local lives = redis.pcall('HGETALL', KEYS[3])
if lives.err then lives = {} end
for i = 1, #lives, 2 do
	local _, _, writer, number = entry(lives[i + 1])
	if writer then
		call('SET', sub(KEYS[3], 1, -6) .. 'wrote:' .. lives[i], writer .. ' ' .. number, 'PX', LATE)
	end
end
forget()
call('UNLINK', KEYS[5])
call(ARGV[2], ARGV[3], 'C ' .. over .. '\n')
return lives
