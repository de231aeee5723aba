package web

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

// cutOff lets no socket of the page open until it is told otherwise, as a network
// that has gone away would.
const cutOff = `(() => {
  const Real = WebSocket;
  globalThis.offline = false;
  globalThis.WebSocket = class extends Real {
    constructor(...a) { if (offline) throw new Error('offline'); super(...a); }
  };
})()`

// TestKilledNode is a cluster of two nodes with three pages. The node of one of them
// is killed. The others see its user leave; the page goes on with the other node and
// is back, its pointer and its seat too.
func TestKilledNode(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	redis := redistest.Start(t)
	dies, stays := serveNode(t, "--redis", redis.URL()), serveNode(t, "--redis", redis.URL())
	ann, bob, cy := chat(t, dies, 1280, 800), chat(t, stays, 1000, 700), chat(t, stays, 360, 740)
	for w, name := range map[*window]string{ann: "Ann", bob: "Bob", cy: "Cy"} {
		w.called(name)
	}
	for _, w := range []*window{ann, bob, cy} {
		w.until(here(3))
	}
	ann.until("document.querySelector('#node-note').textContent.startsWith('One of a cluster of 2 nodes')")
	ann.do(cutOff)
	ann.points(.25, .5)
	ann.do("document.querySelector('#seat').click()")
	bob.do("document.querySelector('#seat').click()")
	bob.until(seated + " === 2")
	for _, w := range []*window{bob, cy} {
		w.until(pointerAt("Ann", .25, .5))
	}

	ann.do("offline = true")
	dies.kill()
	killed := time.Now()
	for _, w := range []*window{bob, cy} {
		w.until(here(2) + " && !document.querySelector('#who-list').textContent.includes('Ann')")
		w.until(pointers + ".length === 0")
	}
	bob.until(seated + " === 1")
	took := time.Since(killed)
	t.Logf("who was on the killed node had left after %s", took.Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("the others saw the user of the killed node leave after %s, want at most 10 s", took)
	}
	bob.picture("left")
	ann.is("waiting")
	ann.until("document.querySelector('#who-when').textContent === 'when last heard of' && document.querySelector('#seat-note').textContent === 'Your seat will be asked for again.'")
	ann.picture("killed")

	ann.do("offline = false; dispatchEvent(new Event('online'))")
	ann.is("open")
	ann.until(fmt.Sprintf("document.querySelector('#connection-text').textContent === 'Connected to %s'", stays.listen))
	for _, w := range []*window{ann, bob, cy} {
		w.until(here(3) + " && document.querySelector('#who-list').textContent.includes('Ann')")
	}
	for _, w := range []*window{bob, cy} {
		w.until(pointerAt("Ann", .25, .5)) // nobody has moved since
	}
	bob.until(seated + " === 2")
	ann.until(seated + " === 2 && document.querySelectorAll('#seats .mine').length === 1 && document.querySelector('#seat-note').textContent === 'You have your seat again.'")
	ann.points(.5, .25)
	bob.until(pointerAt("Ann", .5, .25))
	bob.points(.75, .75)
	ann.until(pointerAt("Bob", .75, .75))
	ann.says("Here again.")
	for _, w := range []*window{ann, bob, cy} {
		w.shows("Here again.")
	}
	ann.picture("back")
	cy.do("document.querySelector('.views [data-view=stage]').click()")
	cy.picture("back-phone")
}

// TestPageGoesOnAtOnce kills the node of a page that can reach the other one: to the
// others it never left, and it has one pointer all the time.
func TestPageGoesOnAtOnce(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	redis := redistest.Start(t)
	dies, stays := serveNode(t, "--redis", redis.URL()), serveNode(t, "--redis", redis.URL())
	ann, bob := chat(t, dies, 1000, 700), chat(t, stays, 1000, 700)
	ann.called("Ann")
	ann.until("document.querySelector('#node-note').textContent.startsWith('One of a cluster of 2 nodes')")
	bob.until(here(2))
	ann.points(.25, .5)
	bob.until(pointerAt("Ann", .25, .5))
	bob.do(`globalThis.seen = new Set(); new MutationObserver(() => seen.add(document.querySelector('#who-count').textContent))
	  .observe(document.querySelector('#who-count'), { childList: true, characterData: true, subtree: true });
	  globalThis.most = 0; setInterval(() => { most = Math.max(most, ` + pointers + `.length); }, 20)`)
	dies.kill()
	ann.is("waiting")
	ann.is("open")
	bob.until(pointerAt("Ann", .25, .5))
	bob.until("fetch('/debug/members').then((r) => r.json()).then((m) => (m.members ?? m).filter((n) => n.state !== 'dead').length === 1)") // all that was its is cleaned up
	ann.points(.5, .5)
	bob.until(pointerAt("Ann", .5, .5))
	if seen := get[string](bob, "[...seen].join()"); seen != "" {
		t.Errorf("the count of people became %q", seen)
	}
	if most := get[int](bob, "most"); most != 1 {
		t.Errorf("%d pointers at once", most)
	}
}

// TestSeatsWithoutBackend shows what the page says while Redis hangs.
func TestSeatsWithoutBackend(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	redis := redistest.Start(t)
	n := serveNode(t, "--redis", redis.URL())
	a, b := chat(t, n, 1000, 700), chat(t, n, 360, 740)
	a.called("Ann")
	b.until(here(2))
	redis.Pause()
	a.until(bannerShown)
	a.do("document.querySelector('#seat').click()")
	a.until("document.querySelector('#seat-note').textContent === 'No seats can be given now: the backend of the node is down.'")
	a.points(.3, .3)
	b.until(pointerAt("Ann", .3, .3)) // on one node it needs no backend
	a.do("document.querySelector('#stage').dispatchEvent(new PointerEvent('pointerdown', { button: 0, pointerType: 'mouse' }))")
	a.until("document.querySelector('#fast').textContent === 'The node can not take it now: its backend is down.'")
	a.picture("no-backend")
	b.do("document.querySelector('.views [data-view=stage]').click()")
	b.picture("no-backend-phone")
	redis.Resume()
	a.until(bannerGone)
	a.do("document.querySelector('#seat').click()")
	a.until(seated + " === 1")
	a.until(here(2))
}

// TestPlainTopics is a node whose policies have neither presence nor cursors nor a
// front row: the page goes without them and does not ask again and again.
func TestPlainTopics(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	file := filepath.Join(t.TempDir(), "plain.yaml")
	if err := os.WriteFile(file, []byte("topics: [{match: \"*\", history: {size: 10}}]\ngroups: [{match: \"team:*\"}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := serveNode(t, "--config", file)
	a, b := chat(t, n, 1000, 700), chat(t, n, 800, 600)
	a.says("Anybody here?")
	b.shows("Anybody here?")
	a.until(here(1))
	a.do("globalThis.sent = 0; const send = WebSocket.prototype.send; WebSocket.prototype.send = function (t) { if (t.includes('\"cursor\"')) sent++; send.call(this, t); }")
	a.points(.2, .2)
	a.until("sent === 1 && document.querySelector('#frames').textContent.includes('FORBIDDEN')")
	a.points(.3, .3)
	a.do("document.querySelector('#seat').click()")
	a.until("document.querySelector('#seat-note').textContent === 'This node has no front row.'")
	if sent := get[int](a, "sent"); sent != 1 {
		t.Errorf("%d cursor frames", sent)
	}
}
