//go:build unix

package gateway_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/bridge/gateway"
	"github.com/troupe-rt/troupe/topic"
)

// BenchmarkFanOut publishes to one topic that 1,000 connections follow. The
// connections are read by a child process, so that cpu-us/delivery is the
// server's. It is a check while developing; bench has the whole path.
func BenchmarkFanOut(b *testing.B) {
	for _, flight := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("inflight=%d", flight), func(b *testing.B) { benchFanOut(b, 1000, flight) })
	}
}

func benchFanOut(b *testing.B, clients, flight int) {
	n := newNode(b, []topic.Policy{{Match: "*", History: -1}})
	g := gateway.Handler(n, gateway.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: g}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	sink := exec.Command(os.Args[0], "-test.run=TestSinkProcess")
	sink.Env = append(os.Environ(), "SINK_ADDR="+l.Addr().String(), "SINK_CLIENTS="+strconv.Itoa(clients))
	stdin, err := sink.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := sink.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := sink.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = stdin.Close()
		_ = sink.Wait()
		_ = server.Close()
		g.Close()
		<-done
	}()
	for g.Stats().Subscriptions < clients {
		runtime.Gosched()
	}
	slots := make(chan struct{}, flight)
	data := fmt.Appendf(nil, `{"text":%q}`, fmt.Sprintf("%-190d", 1))
	size := len(data) + len(`{"topic":"bench","event":"e","data":}`) + 4
	arrived := make(chan struct{})
	go func() {
		defer close(arrived)
		var line [8]byte
		for seen, total := 0, uint64(0); seen < b.N; {
			if _, err := io.ReadFull(stdout, line[:]); err != nil {
				b.Error(err)
				return
			}
			for total = binary.BigEndian.Uint64(line[:]); uint64(seen+1)*uint64(size) <= total; seen++ {
				<-slots
			}
		}
	}()
	b.ResetTimer()
	began, start := cpu(), time.Now()
	for range b.N {
		slots <- struct{}{}
		if err := n.topics.Post("bench", topic.Message{Event: "e", Data: data, Checked: true}, nil); err != nil {
			b.Fatal(err)
		}
	}
	<-arrived
	g.Stats()
	deliveries := float64(b.N) * float64(clients)
	b.ReportMetric((cpu()-began).Seconds()*1e6/deliveries, "cpu-us/delivery")
	b.ReportMetric(deliveries/time.Since(start).Seconds(), "deliveries/s")
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestSinkProcess is the child of BenchmarkFanOut: it connects, subscribes and
// reads everything away until its standard input ends.
func TestSinkProcess(t *testing.T) {
	addr := os.Getenv("SINK_ADDR")
	if addr == "" {
		return // only the benchmark runs it
	}
	clients, _ := strconv.Atoi(os.Getenv("SINK_CLIENTS"))
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
	var wg sync.WaitGroup
	for i := range clients {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		subscribe := `{"type":"subscribe","topic":"bench"}`
		if os.Getenv("SINK_ROOMS") != "" {
			subscribe = fmt.Sprintf(`{"type":"subscribe","topic":"room%d"}`, i/10)
		}
		frame := append([]byte{0x81, 0x80 | byte(len(subscribe)), 0, 0, 0, 0}, subscribe...)
		if _, err := nc.Write([]byte(upgrade)); err != nil {
			t.Fatal(err)
		}
		for got := ""; !strings.Contains(got, `"welcome"`); {
			buf := make([]byte, 4096)
			n, err := nc.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got += string(buf[:n])
		}
		if _, err := nc.Write(frame); err != nil {
			t.Fatal(err)
		}
		context.AfterFunc(ctx, func() { _ = nc.Close() })
		wg.Go(func() {
			buf := make([]byte, 64<<10)
			var total uint64
			for {
				n, err := nc.Read(buf)
				if err != nil {
					return
				}
				if total += uint64(n); i != clients-1 {
					continue
				}
				if _, err := os.Stdout.Write(binary.BigEndian.AppendUint64(nil, total)); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkIdle reports what a connection costs that follows one topic and is
// silent, from the memory of the whole process: with nothing beside the topics, and
// with presence and cursors in rooms of ten.
func BenchmarkIdle(b *testing.B) {
	b.Run("alone", func(b *testing.B) { benchIdle(b, newNode(b, live)) })
	b.Run("rooms", func(b *testing.B) {
		b.Setenv("SINK_ROOMS", "yes")
		benchIdle(b, newNodeWith(b, setup{policies: live, beside: all}))
	})
}

func benchIdle(b *testing.B, n *node) {
	const clients = 4000
	g := gateway.Handler(n, gateway.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: g}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	before := memory()
	sink := exec.Command(os.Args[0], "-test.run=TestSinkProcess")
	sink.Env = append(os.Environ(), "SINK_ADDR="+l.Addr().String(), "SINK_CLIENTS="+strconv.Itoa(clients))
	stdin, err := sink.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := sink.Start(); err != nil {
		b.Fatal(err)
	}
	for g.Stats().Subscriptions < clients {
		runtime.Gosched()
	}
	for room := 0; n.presence != nil && room < clients/10; {
		if here, err := n.presence.Count(b.Context(), fmt.Sprint("room", room)); err != nil {
			b.Fatal(err)
		} else if here == 10 {
			room++
		}
	}
	for b.Loop() {
		b.ReportMetric((memory()-before)/clients, "B/connection")
	}
	_ = stdin.Close()
	_ = sink.Wait()
	_ = server.Close()
	g.Close()
	<-done
}

func memory() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
