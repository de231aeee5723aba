-- ARGV: 1 the new epoch, 2 what the frame begins with, 3 the command that publishes, 4 channel.
call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', '0', 'base', '1')
call('PEXPIRE', KEYS[1], DAY)
call(ARGV[3], ARGV[4], ARGV[2] .. ARGV[1] .. ' 1 0 0\n')
return 1
