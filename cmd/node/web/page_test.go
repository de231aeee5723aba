package web

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// texts are the messages that a page shows as said, in order.
const texts = `[...document.querySelectorAll('#log .text')].map((e) => e.textContent)`

// atEnd tells whether the newest message can be seen.
const atEnd = `((e) => e.scrollHeight - e.scrollTop - e.clientHeight < 4)(document.querySelector('#scroll'))`

func (w *window) says(text string) {
	w.t.Helper()
	quoted, err := json.Marshal(text)
	w.must("quote", err)
	w.do(fmt.Sprintf("text.value = %s; composer.requestSubmit()", quoted))
}

// shows waits for exactly these messages.
func (w *window) shows(messages ...string) {
	w.t.Helper()
	quoted, err := json.Marshal(messages)
	w.must("quote", err)
	w.until(fmt.Sprintf("JSON.stringify(%s) === %s", texts, fmt.Sprintf("%q", string(quoted))))
}

func (w *window) is(state string) {
	w.t.Helper()
	w.until(fmt.Sprintf("document.querySelector('#connection').dataset.state === %q", state))
}

// chat opens the lobby of a node.
func chat(t *testing.T, n *node, width, height int64) *window {
	t.Helper()
	w := open(t, width, height)
	w.visit(n.url())
	w.until("document.querySelector('#log').ariaBusy === 'false'") // history has been played back
	return w
}

// here tells whether the page shows so many people.
func here(people int) string {
	if people == 1 {
		return "document.querySelector('#who-count').textContent === '1 person'"
	}
	return fmt.Sprintf("document.querySelector('#who-count').textContent === '%d people'", people)
}

func TestPagesChatAcrossARestart(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	a, b := chat(t, n, 1280, 800), chat(t, n, 360, 740)
	a.says("Anybody here?")
	b.shows("Anybody here?")
	b.says("I am.")
	a.shows("Anybody here?", "I am.")
	a.until(here(2))
	a.until("document.querySelector('[data-try=window]').classList.contains('done')")

	a.must("reload", chromedp.Do(a.ctx, chromedp.Reload()))
	a.shows("Anybody here?", "I am.")
	a.picture("light")

	n.kill()
	a.is("waiting")
	b.is("waiting")
	a.says("Written while the node was away.")
	a.until("document.querySelector('#pending .fate').textContent === 'Waiting for the node'")
	a.picture("away")
	n.start()
	for _, w := range []*window{a, b} {
		w.is("open")
		w.shows("Anybody here?", "I am.", "Written while the node was away.")
	}
	b.says("Welcome back.")
	for _, w := range []*window{a, b} {
		w.shows("Anybody here?", "I am.", "Written while the node was away.", "Welcome back.")
		w.until("document.querySelector('#pending').childElementCount === 0")
		order := get[[]string](w, `[...document.querySelectorAll('#log .text, #log .notice')].map((e) => e.textContent)`)
		at := slices.IndexFunc(order, func(s string) bool {
			return s == "The node was restarted, its memory history is gone; messages above are kept only in this window."
		})
		if at != 2 || len(order) != 5 {
			t.Errorf("the restart is not told in its place: %q", order)
		}
	}
	a.until("document.querySelector('[data-try=restart]').classList.contains('done')")
	a.picture("restarted")
	b.picture("restarted-phone")

	c := chat(t, n, 1280, 800)
	c.shows("Written while the node was away.", "Welcome back.")
}

func TestReloadPlaysHistoryBack(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	w := chat(t, n, 1280, 800)
	for i := range 30 {
		w.says(fmt.Sprint("message ", i))
	}
	w.until(texts + ".length === 30")
	before := get[[]string](w, texts)
	w.must("reload", chromedp.Do(w.ctx, chromedp.Reload()))
	w.until(texts + ".length === 30")
	if after := get[[]string](w, texts); !slices.Equal(before, after) {
		t.Errorf("after the reload: %q, want %q", after, before)
	}
	w.until("document.querySelector('[data-try=reload]').classList.contains('done')")
	w.until(atEnd)
}

func TestWindowsOfOnePersonCountAsOne(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	first := chat(t, n, 1280, 800)
	second := first.beside(1280, 800)
	second.visit(n.url())
	other := chat(t, n, 800, 600)
	for _, w := range []*window{first, second, other} {
		w.until(here(2))
	}
	first.until("document.querySelector('[data-try=window]').classList.contains('done')")
	second.visit("about:blank")
	other.says("Still two.") // behind what a leave would have said
	first.until(texts + ".includes('Still two.') && " + here(2))
	first.visit("about:blank")
	other.until(here(1))
}

func TestUnreadIsCountedWhileReadingAbove(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	a, b := chat(t, n, 1280, 800), chat(t, n, 1280, 800)
	for i := range 40 {
		b.says(fmt.Sprint("message ", i))
	}
	a.until(texts + ".length === 40 && unread.hidden && " + atEnd) // a burst does not leave the reader behind
	// The page hears of scrolling with the next frame, so the message comes after that.
	a.do("document.querySelector('#scroll').scrollTop = 0; new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
	b.says("one")
	b.says("two")
	a.until("!unread.hidden && unread.textContent === '2 new messages' && document.title.startsWith('(2)')")
	a.do("unread.click()")
	a.until("unread.hidden && " + atEnd)
	a.until("document.title === 'lobby - Troupe'")
}

func TestRoomsAreApart(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	w := chat(t, n, 1280, 800)
	w.says("in the lobby")
	w.shows("in the lobby")
	w.do("document.querySelector('#room-name').value = 'stage door/2'; document.querySelector('#room-form').requestSubmit()")
	w.until("location.hash === '#stage-door-2' && document.querySelector('#room-title').textContent === 'stage-door-2'")
	w.until("!empty.hidden")
	w.says("at the stage door")
	w.shows("at the stage door")
	w.do("history.back()")
	w.shows("in the lobby")
}

func TestMarkupStaysText(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	w := chat(t, n, 1280, 800)
	const markup = `<img src=x onerror=alert(1)><b>bold</b>`
	w.do(`import('/troupe.js').then(async ({ connect }) => {
	  const c = connect();
	  const say = (data) => c.publish('chat:lobby', 'message', data);
	  await say({ text: '` + markup + `', name: '` + markup + `', color: 'red;background:url(x)', at: 'never', id: 7 });
	  for (const odd of [null, 7, [], {}, { text: 7 }, { text: { a: 1 } }]) await say(odd);
	  await c.publish('chat:lobby', 'message2', { text: 'another event' });
	  globalThis.stranger = connect('/ws?' + new URLSearchParams({ id: '__proto__', name: '` + markup + `'.slice(0, 40) }));
	  await stranger.subscribe('chat:lobby', () => {});
	  await stranger.subscribe('demo:lobby', () => {});
	  const cursors = stranger.cursors('demo:lobby');
	  cursors.send({ x: .5, y: .5 });
	  for (const odd of [{}, { x: 2, y: 0 }, { x: '1', y: null }]) await stranger.publish('demo:lobby', 'ripple', odd);
	  await say({ text: 'x'.repeat(20000), name: 'N'.repeat(500) });
	  c.close();
	})`)
	w.until(texts + ".length === 2")
	if got := get[string](w, texts+"[0]"); got != markup {
		t.Errorf("text %q, want %q", got, markup)
	}
	w.until(here(2) + " && document.querySelector('.pointer .tag')?.textContent.startsWith('<img') && document.querySelector('#who-list').textContent.includes('<img')")
	if n := get[int](w, "document.querySelectorAll('main img, main b b, .ripple').length"); n != 0 {
		t.Errorf("%d elements came out of a message", n)
	}
	if n := get[int](w, texts+"[1].length"); n != 4000 {
		t.Errorf("a long text shows %d characters, want 4000", n)
	}
	if name := get[string](w, "[...document.querySelectorAll('#log .by b')].at(-1).textContent"); len(name) != 32 {
		t.Errorf("a long name shows %d characters, want 32", len(name))
	}
}

func TestKeyboardAlone(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	w := chat(t, n, 1280, 800)
	w.press(kb.Tab)
	w.until("document.activeElement.className === 'skip'")
	w.press(kb.Enter)
	w.until("document.activeElement.id === 'text' && location.hash === ''")
	w.press("typed" + kb.Enter)
	w.shows("typed")
	var stops []string
	w.do("document.activeElement.blur(); scrollTo(0, 0)")
	for range 40 {
		w.press(kb.Tab)
		stop := get[string](w, `(() => { const e = document.activeElement;
		  const s = getComputedStyle(e);
		  if (e === document.body) return '';
		  if (s.outlineStyle === 'none') return 'no outline: ' + (e.id || e.className);
		  const name = e.ariaLabel || e.labels?.[0]?.textContent || e.textContent.trim();
		  return name ? e.id || e.className || e.tagName : 'no name: ' + (e.id || e.outerHTML); })()`)
		if strings.HasPrefix(stop, "no ") {
			t.Error(stop)
		}
		stops = append(stops, stop)
	}
	for _, want := range []string{"stage", "seat", "theme", "second", "room-name", "scroll", "name", "text", "send", "wire-pause", "frames", "tab-js", "copy"} {
		if !slices.Contains(stops, want) {
			t.Errorf("the keyboard does not reach %s: %q", want, stops)
		}
	}
	w.do("document.querySelector('#tab-js').focus()")
	w.press(kb.ArrowRight)
	w.until("document.activeElement.id === 'tab-go' && !document.querySelector('#panel-go').hidden && document.querySelector('#panel-js').hidden")
}

func TestPhone(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	w := chat(t, n, 360, 740)
	w.says("A long word does not widen the page: " + strings.Repeat("x", 200))
	w.until(texts + ".length === 1")
	for _, view := range []string{"chat", "stage", "node", "wire", "code"} {
		w.do(fmt.Sprintf("document.querySelector('.views [data-view=%s]').click()", view))
		w.until(fmt.Sprintf("document.querySelector('[data-part=%s]').checkVisibility()", view))
		if wide := get[int](w, "document.documentElement.scrollWidth"); wide > 360 {
			t.Errorf("%s is %d pixels wide on a screen of 360", view, wide)
		}
		small := get[[]string](w, `[...document.querySelectorAll('button, input, textarea, select')]
		  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 32).map((e) => e.id || e.textContent)`)
		if len(small) > 0 {
			t.Errorf("%s: too small for a finger: %q", view, small)
		}
		w.picture("phone-" + view)
	}
}

func TestDark(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	w := chat(t, n, 1280, 800)
	w.do(`import('/troupe.js').then(async ({ connect }) => { // somebody of every colour
	  const c = connect();
	  for (let color = 0; color < 360; color += 20) await c.publish('chat:lobby', 'message', { name: 'Hue ' + color, color, text: 'How dark is it?' });
	  c.close();
	})`)
	w.until(texts + ".length === 18")
	dark := "parseInt(getComputedStyle(document.body).backgroundColor.slice(4)) < 60"
	for _, step := range []struct{ system, theme, expect string }{
		{"light", "system", "!(" + dark + ")"},
		{"dark", "system", dark},
		{"dark", "light", "!(" + dark + ")"},
		{"light", "dark", dark},
	} {
		w.scheme(step.system)
		w.until(fmt.Sprintf("document.documentElement.dataset.theme === %q || (theme.click(), false)", step.theme))
		w.until(step.expect)
		faint := get[[]string](w, contrast)
		if len(faint) > 0 {
			t.Errorf("system %s, theme %s: contrast below 4.5: %q", step.system, step.theme, faint)
		}
	}
	w.picture("dark")
	w.must("reload", chromedp.Do(w.ctx, chromedp.Reload()))
	w.until("document.documentElement.dataset.theme === 'dark'") // it is remembered
}

// contrast lists texts that WCAG AA takes for too faint.
const contrast = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const over = (colours) => {
    for (const c of colours) { canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const faint = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest('svg, .hidden, .skip')) continue;
    const under = [];
    for (let p = e; p; p = p.parentElement) under.unshift(getComputedStyle(p).backgroundColor);
    const [a, b] = [light(over(['#fff', ...under])), light(over(['#fff', ...under, getComputedStyle(e).color]))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push((e.id || e.className || e.tagName) + ' ' + ratio.toFixed(2));
  }
  return faint;
})()`
