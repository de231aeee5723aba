//go:build linux

package load

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Tick calls fn every period with the number of periods that have passed since
// the last call. It uses a timerfd: time.Sleep and the runtime's timers are a
// millisecond late on this kind of machine. One Tick at a time.
func (l *Loop) Tick(period time.Duration, fn func(due uint64)) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("load: create timer: %w", err)
	}
	every := unix.NsecToTimespec(period.Nanoseconds())
	err = unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil)
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("load: set timer: %w", err)
	}
	if err := l.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN); err != nil {
		unix.Close(fd)
		return err
	}
	l.timer, l.onTick = fd, fn
	return nil
}

// StopTicking ends Tick. Without one it does nothing.
func (l *Loop) StopTicking() {
	if l.timer >= 0 {
		unix.Close(l.timer)
		l.timer = -1
	}
}

func (l *Loop) tick() {
	var due [8]byte
	if n, err := unix.Read(l.timer, due[:]); n == len(due) && err == nil {
		l.now = time.Since(l.start)
		l.onTick(binary.NativeEndian.Uint64(due[:]))
	}
}
