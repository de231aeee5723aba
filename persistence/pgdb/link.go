package pgdb

import (
	"context"
	"net"
	"time"
)

// cleanup is how long pgx may take to tell the server that a call was given up, and as long again to end the
// connection. By itself it takes 15 seconds each, and until then the connection counts as one of the pool's.
const cleanup = time.Second

// connecting marks a context of somebody who wants a connection; without it pgx wants to have a call cancelled.
type connecting struct{}

func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: 15 * time.Second}
	if ctx.Value(connecting{}) != nil {
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &link{conn}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, cleanup)
	defer cancel()
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(cleanup))
}

// A link is a connection whose end does not take long.
type link struct{ net.Conn }

// SetDeadline is called by pgx with a time that has come, with none, and with one in the future when it ends a connection.
func (l *link) SetDeadline(t time.Time) error {
	if most := time.Now().Add(cleanup); t.After(most) {
		t = most
	}
	return l.Conn.SetDeadline(t)
}

// quiet reports whether a connection that idles is open and nothing has come on it: not its end, and no last words.
func quiet(conn net.Conn) bool {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = t.NetConn()
	}
	l, ok := conn.(*link)
	return ok && silent(l.Conn)
}
