-- ARGV: 1 the new epoch, 2 what the frame begins with, 3 the command that publishes, 4 channel, 5 the
-- epoch to be replaced. Answers whether it was.
if epoch ~= ARGV[5] then return 0 end
call('HSET', KEYS[1], 'epoch', ARGV[1])
call(ARGV[3], ARGV[4], ARGV[2] .. ARGV[1] .. ' ' .. format(NUM, seq + 1) .. ' 0 0\n')
return 1
