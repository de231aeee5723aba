package web

import (
	"strings"
	"testing"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

const (
	bannerShown = "!outage.hidden && outage.textContent.startsWith('Redis is down since ')"
	bannerGone  = "outage.hidden"
)

// TestOutageIsShown pauses the Redis of two nodes: their pages say so while it
// lasts, also to those that come meanwhile, and no longer.
func TestOutageIsShown(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	redis := redistest.Start(t)
	here, there := serveNode(t, "--redis", redis.URL()), serveNode(t, "--redis", redis.URL())
	a, b := chat(t, here, 1280, 800), chat(t, there, 360, 740)
	a.until("document.querySelector('#node-note').textContent.startsWith('One of a cluster of 2 nodes over Redis.')")
	a.says("From one node")
	b.says("to the other.")
	for _, w := range []*window{a, b} {
		w.until(texts + ".length === 2")
		w.until(bannerGone)
	}
	redis.Pause()
	for _, w := range []*window{a, b} {
		w.until(bannerShown)
	}
	a.says("Into the void.")
	a.until("document.querySelector('#pending .fate')?.textContent.includes('can not store it now')")
	a.picture("outage")
	b.picture("outage-phone")
	if said := get[string](a, "outage.textContent"); !strings.Contains(said, "can not be stored") {
		t.Errorf("the banner says %q", said)
	}
	late := open(t, 800, 600)
	late.visit(here.url())
	late.until(bannerShown)
	redis.Resume()
	for _, w := range []*window{a, b, late} {
		w.until(bannerGone)
	}
	b.says("Back again.")
	a.until(texts + ".includes('Back again.')")
}

func TestMemoryIsTold(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	w := chat(t, serveNode(t), 1280, 800)
	w.until("document.querySelector('#node-note').textContent.startsWith('All in memory: a cluster of one.')")
	w.until(bannerGone)
}
