package redisstore

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/common.lua
	commonLua string
	//go:embed lua/head.lua
	headLua string
	//go:embed lua/expiry.lua
	expiryLua string
	//go:embed lua/append.lua
	appendLua string
	//go:embed lua/read.lua
	readLua string
	//go:embed lua/clear.lua
	clearLua string
	//go:embed lua/renew.lua
	renewLua string
)

var (
	appendScript = redis.NewScript(commonLua + headLua + expiryLua + appendLua)
	readScript   = redis.NewScript(commonLua + headLua + expiryLua + readLua)
	clearScript  = redis.NewScript(commonLua + clearLua)
	renewScript  = redis.NewScript(commonLua + headLua + renewLua)
)
