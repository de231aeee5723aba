package redisconn_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn"
	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func TestOpenUserAndPassword(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--requirepass", "hunter2")
	err := s.Client(t).Do(t.Context(), "acl", "setuser", "app", "on", ">s3cret", "~troupe:*", "&troupe:*", "+@all", "-@dangerous", "-@admin").Err()
	if err != nil {
		t.Fatal(err)
	}
	for url, ok := range map[string]bool{
		"redis://:hunter2@" + s.Addr():       true,
		"redis://app:s3cret@" + s.Addr():     true, // which may not use INFO
		"redis://:hunter3@" + s.Addr():       false,
		"redis://hunter2:s3cret@" + s.Addr(): false,
		"redis://" + s.Addr():                false,
	} {
		c, err := redisconn.Open(t.Context(), redisconn.Config{URL: url})
		if ok {
			if err != nil {
				t.Errorf("%s: %v", url, err)
				continue
			}
			if err := set(c, t, c.Names().Head("t"), "v"); err != nil {
				t.Errorf("%s: %v", url, err)
			}
			_ = c.Close()
			continue
		}
		if err == nil || strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "s3cret") ||
			!strings.Contains(err.Error(), "password") {
			t.Errorf("%s: %v, want advice about the password without showing it", url, err)
		}
	}
}

func TestOpenTLS(t *testing.T) {
	t.Parallel()
	s, url := redistest.StartTLS(t, "--requirepass", "hunter2")
	c := open(t, redisconn.Config{URL: url + "?skip_verify=true"})
	if err := set(c, t, "k", "v"); err != nil {
		t.Error(err)
	}
	for bad, advice := range map[string]string{
		url: "certificate", // it is signed by nobody this system knows
		strings.Replace(url, "rediss:", "redis:", 1):        "rediss://",
		strings.Replace(s.URL(), "redis:", "rediss:", 1):    "rediss://",
		"rediss://:hunter2@" + s.Addr() + "?skip_verify=on": "parameter",
	} {
		c, err := redisconn.Open(t.Context(), redisconn.Config{URL: bad, Timeout: time.Second})
		if err == nil {
			_ = c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), advice) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want advice about %q", bad, err, advice)
		}
	}
}

func TestOpenUnixSocket(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(shortDir(t), "s")
	s := redistest.Start(t, "--unixsocket", socket)
	c := open(t, redisconn.Config{URL: "unix://" + socket + "?db=3"})
	if err := set(c, t, "k", "v"); err != nil {
		t.Fatal(err)
	}
	o := *s.Client(t).Options()
	o.DB = 3
	direct := redis.NewClient(&o)
	defer direct.Close()
	if v, err := direct.Get(t.Context(), "k").Result(); v != "v" || err != nil {
		t.Errorf("in database 3: %q, %v", v, err)
	}
}

func TestOpenSentinel(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, "--requirepass", "pw", "--masterauth", "pw")
	replica := redistest.StartReplica(t, master)
	sentinel := redistest.StartSentinel(t, master, "main")
	if _, err := redisconn.Open(t.Context(), redisconn.Config{URL: sentinel.URL()}); err == nil || !strings.Contains(err.Error(), "master_name") {
		t.Errorf("a Sentinel taken for a server: %v", err)
	}
	if _, err := redisconn.Open(t.Context(), redisconn.Config{URL: sentinel.URL() + "?master_name=nobody"}); err == nil {
		t.Error("an unknown master is found")
	}
	c := open(t, redisconn.Config{URL: sentinel.URL() + "?master_name=main&password=pw", Timeout: time.Second})
	if err := set(c, t, "k", "before"); err != nil {
		t.Fatal(err)
	}
	watch := redis.NewSentinelClient(&redis.Options{Addr: sentinel.Addr()})
	defer watch.Close()
	redistest.Eventually(t, 20*time.Second, "the Sentinel knows the replica", func() error {
		if replicas, err := watch.Replicas(t.Context(), "main").Result(); err != nil || len(replicas) != 1 {
			return fmt.Errorf("%v, %w", replicas, err)
		}
		return nil
	})
	master.Kill()
	redistest.Eventually(t, 40*time.Second, "the replica has taken over", func() error { return set(c, t, "k", "after") })
	if v, err := replica.Client(t).Get(t.Context(), "k").Result(); v != "after" || err != nil {
		t.Errorf("on the replica: %q, %v", v, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	old := fake(t, "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n6.2.14\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n")
	_, err := redisconn.Open(t.Context(), redisconn.Config{URL: "redis://" + old})
	if v, ok := errors.AsType[*redisconn.VersionError](err); !ok || v.Have != "6.2.14" {
		t.Errorf("Redis 6: %v", err)
	}
	_, err = redisconn.Open(t.Context(), redisconn.Config{URL: "redis://" + fake(t, "+OK\r\n"), Timeout: time.Second})
	if err == nil || !strings.Contains(err.Error(), "is Redis 7 running") {
		t.Errorf("something else: %v", err)
	}
	_, err = redisconn.Open(t.Context(), redisconn.Config{URL: "redis://:hunter2@127.0.0.1:1"})
	if err == nil || !strings.Contains(err.Error(), "is Redis running at 127.0.0.1:1?") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("nobody there: %v", err)
	}
	silent := redistest.Start(t)
	silent.Pause()
	began := time.Now()
	_, err = redisconn.Open(t.Context(), redisconn.Config{URL: silent.URL(), Timeout: 200 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "nothing answers") || time.Since(began) > 3*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began = time.Now()
	if _, err = redisconn.Open(ctx, redisconn.Config{URL: silent.URL(), Timeout: time.Minute}); err == nil || time.Since(began) > 3*time.Second {
		t.Errorf("after ctx ended, %v: %v", time.Since(began), err)
	}
	s := redistest.Start(t)
	_, err = redisconn.Open(t.Context(), redisconn.Config{URL: s.URL() + "?addr=" + s.Addr()})
	if err == nil {
		t.Error("a server alone is taken for a Cluster")
	}
}

// fake listens and answers HELLO with this and every other command with OK.
func fake(t *testing.T, hello string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { fakeConn(conn, hello) })
		}
	})
	return l.Addr().String()
}

func fakeConn(conn net.Conn, hello string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		name, err := command(in)
		answer := "+OK\r\n"
		if strings.EqualFold(name, "hello") {
			answer = hello
		}
		if err == nil {
			_, err = conn.Write([]byte(answer))
		}
		if err != nil {
			return
		}
	}
}

// command reads an array of bulk strings and returns the first.
func command(in *bufio.Reader) (name string, err error) {
	head, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	parts, err := strconv.Atoi(strings.Trim(head, "*\r\n"))
	for i := range 2 * parts {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if i == 1 {
			name = strings.TrimSpace(line)
		}
	}
	return name, err
}

// A connection that is lost while nodes start is tried again; a server that is
// not there is not waited for.
func TestOpenTriesAgain(t *testing.T) {
	t.Parallel()
	proxy := redistest.StartProxy(t, redistest.Start(t).Addr())
	proxy.LoseAnswer()
	c, err := redisconn.Open(t.Context(), redisconn.Config{URL: proxy.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	proxy.Refuse()
	began := time.Now()
	if _, err := redisconn.Open(t.Context(), redisconn.Config{URL: proxy.URL()}); err == nil || time.Since(began) > time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}
