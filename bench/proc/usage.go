//go:build linux

package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every Linux that Go
// runs on.
const tick = 10 * time.Millisecond

// CPU is the time that all threads of a process have spent, user and system.
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("proc: read CPU time: %w", err)
	}
	// The name in parentheses may hold anything; the fields after it count.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, fmt.Errorf("proc: stat of %d has %d fields", pid, len(fields))
	}
	return sumTicks(fields[user : system+1])
}

// TreeCPU is the time that a process and its children have spent, also those that have ended.
func TreeCPU(pid int) (time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, fmt.Errorf("proc: read CPU time: %w", err)
	}
	parent, sum := strconv.Itoa(pid), time.Duration(0)
	for _, name := range stats {
		b, err := os.ReadFile(name)
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		const above, user, waitedFor = 1, 11, 14
		own := name == "/proc/"+parent+"/stat"
		if err != nil || len(fields) <= waitedFor || !own && string(fields[above]) != parent {
			continue // it ended meanwhile, or is another's
		}
		t, err := sumTicks(fields[user : waitedFor+1])
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// SelfCPU is the time that this process has spent.
func SelfCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Busy is the time that all cores together have spent on anything, also on
// other machines of the same host (steal).
func Busy() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("proc: read machine time: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	fields := bytes.Fields(line) // cpu user nice system idle iowait irq softirq steal
	if len(fields) < 9 {
		return 0, fmt.Errorf("proc: /proc/stat begins with %q", line)
	}
	return sumTicks(append(fields[1:4:4], fields[6:9]...))
}

func sumTicks(fields [][]byte) (time.Duration, error) {
	var sum time.Duration
	for _, f := range fields {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("proc: CPU time %q: %w", f, err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// Cores is how many cores this process may use.
func Cores() int { return runtime.NumCPU() }

// RSS is the process' resident memory in bytes.
func RSS(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("proc: read memory: %w", err)
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0, fmt.Errorf("proc: statm of %d is %q", pid, b)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("proc: statm of %d: %w", pid, err)
	}
	return pages * int64(os.Getpagesize()), nil
}

// RaiseFiles lifts the limit of open files as far as it goes and returns it.
func RaiseFiles() (int, error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("proc: read the limit of open files: %w", err)
	}
	l.Cur = l.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("proc: raise the limit of open files: %w", err)
	}
	return int(min(l.Max, 1<<30)), nil
}
