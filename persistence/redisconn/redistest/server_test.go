package redistest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/troupe-rt/troupe/persistence/redisconn/redistest"
)

func TestRestart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := s.Client(t)
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Restart(t, true)
	if v, err := c.Get(t.Context(), "k").Result(); v != "v" || err != nil {
		t.Errorf("with its data: %q, %v", v, err)
	}
	s.Restart(t, false)
	if err := c.Get(t.Context(), "k").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("without data: %v", err)
	}
}

func TestPasswordIsPartOfURL(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--requirepass", "secret")
	o, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer c.Close()
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	s.KillClients(t)
	s.Restart(t, true)
}

func TestPause(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := s.Client(t)
	s.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	o := *c.Options()
	o.ContextTimeoutEnabled, o.MaxRetries = true, -1
	impatient := redis.NewClient(&o)
	defer impatient.Close()
	if err := impatient.Ping(ctx).Err(); err == nil {
		t.Error("a paused server answers")
	}
	s.Resume()
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestReplicaAndSentinel(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, "--requirepass", "pw", "--masterauth", "pw")
	replica := redistest.StartReplica(t, master)
	sentinel := redistest.StartSentinel(t, master, "main")
	if err := master.Client(t).Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	r := replica.Client(t)
	redistest.Eventually(t, 10*time.Second, "the replica has it", func() error { return r.Get(t.Context(), "k").Err() })
	c := redis.NewSentinelClient(&redis.Options{Addr: sentinel.Addr()})
	defer c.Close()
	redistest.Eventually(t, 20*time.Second, "the Sentinel knows the replica", func() error {
		if replicas, err := c.Replicas(t.Context(), "main").Result(); err != nil || len(replicas) != 1 {
			return fmt.Errorf("%v, %w", replicas, err)
		}
		return nil
	})
	master.Kill()
	redistest.Eventually(t, 30*time.Second, "the Sentinel promotes the replica", func() error {
		addr, err := c.GetMasterAddrByName(t.Context(), "main").Result()
		if err == nil && net.JoinHostPort(addr[0], addr[1]) != replica.Addr() {
			err = fmt.Errorf("the master is %v", addr)
		}
		return err
	})
}

func TestTLS(t *testing.T) {
	t.Parallel()
	_, url := redistest.StartTLS(t)
	o, err := redis.ParseURL(url + "?skip_verify=true")
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer c.Close()
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

// The test's own binary, started again by TestServerEndsWithTheTestsProcess.
func TestHelperThatIsKilled(t *testing.T) {
	if os.Getenv("REDISTEST_HELPER") == "" {
		t.Parallel()
		return // an ordinary run
	}
	s := redistest.Start(t)
	pid, err := s.Client(t).InfoMap(t.Context(), "server").Result()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("pid %s\n", pid["Server"]["process_id"])
	select {}
}

func TestServerEndsWithTheTestsProcess(t *testing.T) {
	t.Parallel()
	helper := exec.Command(os.Args[0], "-test.run", "^TestHelperThatIsKilled$")
	helper.Env = append(os.Environ(), "REDISTEST_HELPER=1", "TMPDIR="+t.TempDir())
	out, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "pid %d\n", &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("server %d: %v", pid, err)
	}
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait()
	redistest.Eventually(t, 10*time.Second, "the server is gone", func() error {
		state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") {
			return nil //nolint:nilerr // no such process
		}
		return errors.New("it runs")
	})
}
