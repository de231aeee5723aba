package redislease

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/common.lua
	commonLua string
	//go:embed lua/renew.lua
	renewLua string
	//go:embed lua/claim.lua
	claimLua string
	//go:embed lua/done.lua
	doneLua string
	//go:embed lua/leave.lua
	leaveLua string
)

var (
	renewScript = redis.NewScript(commonLua + renewLua)
	claimScript = redis.NewScript(commonLua + claimLua)
	doneScript  = redis.NewScript(commonLua + doneLua)
	leaveScript = redis.NewScript(commonLua + leaveLua)
)
