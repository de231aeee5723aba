package web

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

const (
	faces    = "[...document.querySelectorAll('#who-faces .avatar:not(.leaving)')].map((e) => e.dataset.key)"
	pointers = "[...document.querySelectorAll('.pointer:not(.mine):not(.away)')]"
	seated   = "document.querySelectorAll('#seats .sits').length"
)

// called gives the person of a window a name that tests know.
func (w *window) called(name string) {
	w.t.Helper()
	w.do(fmt.Sprintf(`document.querySelector('#name').value = %q; document.querySelector('#name').dispatchEvent(new Event('change'))`, name))
	w.is("open")
}

// points moves the mouse to a place of the stage, in parts of it.
func (w *window) points(x, y float64) {
	w.t.Helper()
	w.mouse(input.DispatchMouseEventTypeMouseMoved, x, y)
}

func (w *window) mouse(kind input.DispatchMouseEventType, x, y float64) {
	w.t.Helper()
	ctx, cancel := w.bounded()
	defer cancel()
	box := get[[]float64](w, "((r) => [r.x, r.y, r.width, r.height])(document.querySelector('#stage').getBoundingClientRect())")
	params := input.DispatchMouseEventParams{Type: kind, X: box[0] + x*box[2], Y: box[1] + y*box[3]}
	if kind != input.DispatchMouseEventTypeMouseMoved {
		params.Button, params.ClickCount = input.MouseButtonLeft, 1
	}
	_, err := chromedp.Call(ctx, input.DispatchMouseEvent, params)
	w.must("mouse", err)
}

// pointerAt tells whether exactly one pointer is shown, of this name and place.
func pointerAt(name string, x, y float64) string {
	return fmt.Sprintf(`((all) => all.length === 1 && all[0].dataset.name === %q && Math.abs(all[0].style.getPropertyValue('--x') - %f) < .02 &&
	  Math.abs(all[0].style.getPropertyValue('--y') - %f) < .04)(%s)`, name, x, y, pointers)
}

func TestWhoIsHere(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	a := chat(t, n, 1280, 800)
	a.until(here(1))
	b := chat(t, n, 360, 740)
	me, other := get[string](a, "JSON.parse(localStorage['troupe:me']).id"), get[string](b, "JSON.parse(localStorage['troupe:me']).id")
	for w, want := range map[*window]string{a: me + "," + other, b: other + "," + me} { // oneself first
		w.until(here(2) + " && " + faces + ".join() === '" + want + "'")
	}
	a.until("document.querySelector('#who-news').textContent.endsWith(' joined. ')")
	b.called("Bea <b>")
	a.until("document.querySelector('#who-list').textContent.includes('Bea <b>')")
	a.until("document.querySelector('#who-faces [data-key=\"" + other + "\"]').textContent === 'B<'")
	b.do("location.hash = '#elsewhere'")
	a.until(here(1) + " && " + faces + ".join() === '" + me + "' && document.querySelectorAll('#who-faces .avatar').length === 1")
	a.until("document.querySelector('#who-news').textContent === 'Bea <b> left. '")
	b.do("history.back()")
	a.until(here(2))
	b.visit("about:blank")
	a.until(here(1))
}

// TestManyAreANumber has more people than there is room for.
func TestManyAreANumber(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	w := chat(t, n, 360, 740)
	w.do(`import('/troupe.js').then(({ connect }) => Promise.all(Array.from({ length: 11 }, (_, i) =>
	  connect('/ws?' + new URLSearchParams({ id: 'p' + i, name: 'Person ' + i, color: '#00' + (10 + 7 * i) + '80' })).subscribe('chat:lobby', () => {}))))`)
	w.until(here(12) + " && document.querySelector('#who-more').textContent === '+5' && " + faces + ".length === 7")
	w.do("document.querySelector('#who').open = true")
	w.until("document.querySelectorAll('#who-list li').length === 12 && document.documentElement.scrollWidth === 360")
	w.picture("many-phone")
}

func TestPointersMoveOnOtherPages(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	a, b := chat(t, n, 1280, 800), chat(t, n, 1000, 700)
	a.called("Ann")
	b.called("Bob")
	a.points(.25, .5)
	b.until(pointerAt("Ann", .25, .5))
	a.points(.75, .25)
	b.until(pointerAt("Ann", .75, .25))
	b.points(.1, .9)
	a.until(pointerAt("Bob", .1, .9))
	a.picture("stage")
	late := chat(t, n, 800, 600)
	late.until(pointers + ".length === 2") // a snapshot
	if own := get[int](b, pointers+".filter((e) => e.dataset.name === 'Bob').length"); own != 0 {
		t.Errorf("a page shows %d pointers of its own", own)
	}
	a.mouse(input.DispatchMouseEventTypeMouseMoved, .5, -2) // off the stage
	b.until(pointers + ".length === 0")
	b.do("document.querySelector('#stage').focus()")
	b.press("\u001b") // any key the stage does not know
	b.do("document.querySelector('#stage').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }))")
	a.until(pointerAt("Bob", .14, .9))
	b.visit("about:blank")
	a.until("document.querySelectorAll('.pointer:not(.mine)').length === 0 || " + pointers + ".every((e) => e.dataset.name !== 'Bob')")
}

// TestFingerPoints has no mouse: where it touches is where it points, and a ripple.
func TestFingerPoints(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	phone, b := chat(t, n, 360, 740), chat(t, n, 800, 600)
	phone.called("Ann")
	phone.do("document.querySelector('.views [data-view=stage]').click()")
	b.do("globalThis.ripples = 0; new MutationObserver((l) => { for (const m of l) for (const e of m.addedNodes) if (e.className === 'ripple') ripples++; }).observe(document.querySelector('#stage'), { childList: true })")
	box := get[[]float64](phone, "((r) => [r.x, r.y, r.width, r.height])(document.querySelector('#stage').getBoundingClientRect())")
	touch := func(kind input.DispatchTouchEventType, places ...float64) {
		t.Helper()
		params := input.DispatchTouchEventParams{Type: kind, TouchPoints: []*input.TouchPoint{}}
		if len(places) == 2 {
			params.TouchPoints = append(params.TouchPoints, &input.TouchPoint{X: box[0] + places[0]*box[2], Y: box[1] + places[1]*box[3]})
		}
		_, err := chromedp.Call(phone.ctx, input.DispatchTouchEvent, params)
		phone.must("touch", err)
	}
	touch(input.DispatchTouchEventTypeTouchStart, .2, .2)
	b.until(pointerAt("Ann", .2, .2) + " && ripples === 1")
	touch(input.DispatchTouchEventTypeTouchMove, .6, .7)
	b.until(pointerAt("Ann", .6, .7))
	phone.until("document.querySelector('.pointer.mine') !== null && scrollY === 0")
	phone.picture("finger")
	touch(input.DispatchTouchEventTypeTouchEnd)
	b.until(pointers + ".length === 0")
	phone.until("document.querySelector('.pointer.mine') === null")
}

// TestRipplesAreLimited presses faster than the node takes it.
func TestRipplesAreLimited(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	a, b := chat(t, n, 1280, 800), chat(t, n, 800, 600)
	b.do("globalThis.ripples = 0; new MutationObserver((l) => { for (const m of l) for (const e of m.addedNodes) if (e.className === 'ripple') ripples++; }).observe(document.querySelector('#stage'), { childList: true })")
	press := func() {
		a.mouse(input.DispatchMouseEventTypeMousePressed, .5, .5)
		a.mouse(input.DispatchMouseEventTypeMouseReleased, .5, .5)
	}
	press()
	b.until("ripples === 1")
	a.do("for (let i = 0; i < 60; i++) document.querySelector('#stage').dispatchEvent(new PointerEvent('pointerdown', { button: 0, pointerType: 'mouse' }))")
	a.until("!document.querySelector('#fast').hidden && document.querySelector('#fast').textContent.startsWith('Too fast for this node.')")
	a.picture("too-fast")
	a.until("document.querySelector('#fast').hidden")
	before := get[int](b, "ripples")
	press()
	b.until(fmt.Sprintf("ripples > %d", before))
	if before < 10 || before > 40 {
		t.Errorf("%d ripples of 61 were taken", before)
	}
}

func TestFiveSeats(t *testing.T) {
	t.Parallel()
	findBrowser(t)
	n := serveNode(t)
	var row []*window
	for i := range 6 {
		w := chat(t, n, 1000, 700)
		w.called(fmt.Sprint("Guest ", i+1))
		w.do("document.querySelector('#seat').click()")
		row = append(row, w)
		if i < 5 {
			w.until(fmt.Sprintf("%s === %d && document.querySelector('#seat-note').textContent === 'You have a seat.'", seated, i+1))
		}
	}
	first, sixth := row[0], row[5]
	first.until(seated + " === 5 && document.querySelectorAll('#seats .mine').length === 1")
	sixth.until("document.querySelector('#seat-note').textContent === 'All five seats are taken.' && document.querySelector('#seat').textContent === 'Try again'")
	first.picture("seated")
	sixth.picture("full")
	row[2].do("document.querySelector('#seat').click()")
	row[2].until("document.querySelector('#seat').textContent === 'Take a seat'")
	first.until(seated + " === 4 && document.querySelectorAll('#seats li')[2].textContent.trim() === 'free'")
	sixth.do("document.querySelector('#seat').click()")
	sixth.until("document.querySelector('#seat').textContent === 'Stand up'")
	first.until("document.querySelectorAll('#seats li')[2].textContent.includes('Guest 6')")
	row[1].visit("about:blank")
	first.until(seated + " === 4")
}
