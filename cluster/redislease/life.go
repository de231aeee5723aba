package redislease

import (
	"context"
	"crypto/rand"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// In a Redis Cluster one master can be emptied alone. So there is a life for each
// stretch of slotsPerLife slots: a master with one whole stretch, or twice as many slots in a row,
// holds at least one.
const (
	slots        = 16384
	slotsPerLife = 256
)

// lifeKeys are their names, the first slots first.
func lifeKeys(prefix string) []string {
	keys := make([]string, slots/slotsPerLife)
	for n, missing := 0, len(keys); missing > 0; n++ {
		tag := "life-" + strconv.Itoa(n)
		if i := slotOf(tag) / slotsPerLife; keys[i] == "" {
			keys[i] = prefix + "{" + tag + "}:life"
			missing--
		}
	}
	return keys
}

// slotOf is the slot of what stands in braces: CRC-16/XMODEM.
func slotOf(tag string) int {
	crc := uint16(0)
	for _, c := range []byte(tag) {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slots
}

// readLives reads the lives that are not kept with the leases, and makes those that are
// missing. The channel brings them within lifeTimeout; "" for one that could not be read.
func (r *Registry) readLives(ctx context.Context) <-chan []string {
	done := make(chan []string, 1)
	if len(r.elsewhere) == 0 {
		done <- nil
		return done
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, r.lifeTimeout)
		defer cancel()
		fresh := rand.Text()
		reads := make([]*redis.StringCmd, len(r.elsewhere))
		pipe := r.conn.Client().Pipeline()
		for i, key := range r.elsewhere {
			pipe.SetNX(ctx, key, fresh, 0)
			reads[i] = pipe.GetRange(ctx, key, 0, 127)
		}
		_, _ = pipe.Exec(ctx) // each read has its own error
		lives := make([]string, len(reads))
		for i, read := range reads {
			if read.Err() == nil {
				lives[i] = read.Val()
			}
		}
		done <- lives
	}()
	return done
}
