package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// patience is how long a page may take for what a test waits for. A busy
// machine needs much of it, a good one a fraction.
const patience = 40 * time.Second

// chromium is the browser of all tests, started by the first that needs it.
var chromium struct {
	sync.Mutex
	ctx  context.Context // nil: not started
	stop func() error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.stop != nil {
		if err := chromium.stop(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, "browser:", err)
			code = 1
		}
	}
	if err := os.RemoveAll(program.dir); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// findBrowser skips the test where there is no browser, except where everything
// is to be tested.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("TROUPE_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const advice = "no Chromium: run `apt-get install -y chromium`, or set TROUPE_CHROMIUM to its path"
	if os.Getenv("TROUPE_TEST_ALL") == "1" {
		t.Fatal(advice)
	}
	t.Skip(advice)
	return ""
}

// browser returns the context of the one Chromium.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := findBrowser(t)
	chromium.Lock()
	defer chromium.Unlock()
	if chromium.ctx != nil {
		return chromium.ctx
	}
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Env("LANGUAGE=en"))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, stopBrowser := chromedp.NewContext(alloc)
	chromium.stop = func() error {
		err := chromedp.Cancel(ctx) // removes the profile, too
		stopBrowser()
		stopAlloc()
		return err
	}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	chromium.ctx = ctx
	return ctx
}

// A window is one tab. Windows of a profile share their storage.
type window struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	faults []string // uncaught exceptions and violations of the policy
}

// open opens a window with storage of its own, and sees to it that nothing goes
// wrong in it until the test ends.
func open(t *testing.T, width, height int64) *window {
	t.Helper()
	return newWindow(t, width, height, browser(t), chromedp.WithNewBrowserContext())
}

// beside opens another window of the same profile.
func (w *window) beside(width, height int64) *window {
	w.t.Helper()
	return newWindow(w.t, width, height, w.ctx)
}

func newWindow(t *testing.T, width, height int64, parent context.Context, opts ...chromedp.ContextOption) *window {
	t.Helper()
	ctx, stop := chromedp.NewContext(parent, opts...)
	w := &window{t: t, ctx: ctx}
	w.must("open", chromedp.Do(ctx, chromedp.EmulateViewport(width, height)))
	watched := make(chan struct{})
	messages := chromedp.Console(ctx)
	go func() {
		defer close(watched)
		for m, err := range messages {
			if err != nil {
				return
			}
			w.note(m)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-watched
		for _, f := range w.faults {
			t.Errorf("in the page: %s", f)
		}
	})
	return w
}

// note keeps what must not happen. A socket that can not connect is no fault.
func (w *window) note(m chromedp.ConsoleMessage) {
	if m.IsException() || m.Source == "security" || m.Source == "violation" {
		w.mu.Lock()
		w.faults = append(w.faults, m.String())
		w.mu.Unlock()
	}
}

func (w *window) must(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// bounded is the window's context with an end.
func (w *window) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.ctx, patience)
}

// visit loads a page.
func (w *window) visit(url string) {
	w.t.Helper()
	ctx, cancel := w.bounded()
	defer cancel()
	w.must("visit "+url, chromedp.Do(ctx, chromedp.Navigate(url)))
}

// do runs a script and ignores what comes of it.
func (w *window) do(script string) {
	w.t.Helper()
	ctx, cancel := w.bounded()
	defer cancel()
	w.must(script, chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise)))
}

// get is what an expression is.
func get[T any](w *window, expression string) T {
	w.t.Helper()
	ctx, cancel := w.bounded()
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	w.must(expression, err)
	return v
}

// until waits for an expression to become true, and says what the page showed
// if it does not.
func (w *window) until(expression string) {
	w.t.Helper()
	ctx, cancel := w.bounded()
	defer cancel()
	poll := chromedp.Poll[bool](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience))
	if _, err := chromedp.Run(ctx, poll); err != nil {
		w.t.Fatalf("waited for %s: %v\nthe page shows:\n%s", expression, err, get[string](w, "document.body.innerText"))
	}
}

// press types on the keyboard, wherever the focus is.
func (w *window) press(keys string) {
	w.t.Helper()
	ctx, cancel := w.bounded()
	defer cancel()
	w.must("press", chromedp.Do(ctx, chromedp.KeyEvent(keys)))
}

// scheme tells the page which colours the system prefers.
func (w *window) scheme(name string) {
	w.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}
	_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	w.must("colour scheme", err)
}

// picture writes what the window shows to the directory in TROUPE_SCREENSHOTS,
// for people to look at.
func (w *window) picture(name string) {
	w.t.Helper()
	dir := os.Getenv("TROUPE_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	w.must("picture", err)
	w.must("picture", os.WriteFile(strings.Join([]string{dir, name + ".png"}, string(os.PathSeparator)), png, 0o644))
}

// A verdict is what a test that ran in the browser says.
type verdict struct{ Name, Error string }

func TestClientInABrowser(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/", Handler(func() Stats { return Stats{} }))
	mux.Handle("/testdata/", http.StripPrefix("/testdata/", http.FileServer(http.Dir("testdata"))))
	mux.HandleFunc("/blank", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>tests</title>"))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	w := open(t, 800, 600)
	for file, least := range map[string]int{"connection_test.js": 15, "topics_test.js": 20, "beside_test.js": 16} {
		w.visit(server.URL + "/blank")
		verdicts := get[[]verdict](w, `import("/testdata/`+file+`").then((m) => m.run())`)
		if len(verdicts) < least {
			t.Errorf("%s ran %d tests, want at least %d", file, len(verdicts), least)
		}
		for _, v := range verdicts {
			t.Run(v.Name, func(t *testing.T) {
				if v.Error != "" {
					t.Error(v.Error)
				}
			})
		}
	}
}
