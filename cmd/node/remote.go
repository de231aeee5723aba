package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/troupe-rt/troupe/bridge/gateway/wsclient"
	"github.com/troupe-rt/troupe/topic"
)

// askTimeout bounds connecting to a node and each question to it.
const askTimeout = 10 * time.Second

const defaultNode = "ws://127.0.0.1:8080/ws"

// remote is how a command reaches a running node.
type remote struct {
	URL   string `name:"url" placeholder:"URL" help:"Address of the node. Default ws://127.0.0.1:8080/ws. (TROUPE_URL)"`
	Token string `placeholder:"TOKEN" help:"Token to prove who you are, where the node asks. Better in the environment: others can see flags. (TROUPE_TOKEN)"`
}

// A nodeClient dials one node.
type nodeClient struct {
	url  string
	opts wsclient.Options
}

func (r remote) client(m *Main) (*nodeClient, error) {
	address := firstOf(r.URL, m.env("TROUPE_URL"), defaultNode)
	full, err := nodeURL(address)
	if err != nil {
		return nil, &usageError{err}
	}
	c := &nodeClient{url: full, opts: wsclient.Options{
		Header: http.Header{},
		// A transport of its own can be emptied when the command ends, and
		// follows no redirect, which might lead the token elsewhere.
		HTTPClient: &http.Client{
			Transport:     http.DefaultTransport.(*http.Transport).Clone(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}}
	if token := firstOf(r.Token, m.env("TROUPE_TOKEN")); token != "" {
		c.opts.Header.Set("Authorization", "Bearer "+token)
	}
	return c, nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// nodeURL completes what a person writes: host:port, or the address that the
// browser shows.
func nodeURL(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "ws://" + text
	}
	u, err := url.Parse(text)
	wrong := err != nil || u.Host == "" || u.User != nil
	if !wrong {
		switch u.Scheme {
		case "http":
			u.Scheme = "ws"
		case "https":
			u.Scheme = "wss"
		case "ws", "wss":
		default:
			wrong = true
		}
	}
	if wrong {
		return "", errors.New("--url must be like " + defaultNode + ", or host:port")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/ws"
	}
	return u.String(), nil
}

func (c *nodeClient) dial(ctx context.Context) (*wsclient.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := wsclient.Dial(ctx, c.url, c.opts)
	if err != nil {
		return nil, c.explain(err)
	}
	return conn, nil
}

func (c *nodeClient) close() { c.opts.HTTPClient.CloseIdleConnections() }

// explain adds what a person can do next.
func (c *nodeClient) explain(err error) error {
	var status *wsclient.StatusError
	var denied *wsclient.DeniedError
	hint := ""
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing answers at %s; is a node running there? Start one with: node serve --listen %s", c.url, c.host())
	case errors.Is(err, context.DeadlineExceeded):
		hint = fmt.Sprintf("the node at %s did not answer within %s", c.url, askTimeout)
	case errors.As(err, &status):
		hint = statusHint(status.Status)
	case errors.As(err, &denied):
		hint = deniedHint(denied)
	}
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w; %s", err, hint)
}

func (c *nodeClient) host() string {
	u, err := url.Parse(c.url)
	if err != nil {
		return c.url
	}
	return u.Host
}

func statusHint(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "give a valid token, with --token or TROUPE_TOKEN"
	case http.StatusNotFound:
		return "a server answers there, but not a node under this path; node serves at /ws"
	case http.StatusMisdirectedRequest:
		return "a node without authentication answers only to localhost, 127.0.0.1 and [::1]"
	}
	return ""
}

func deniedHint(denied *wsclient.DeniedError) string {
	switch denied.Reason {
	case "UNAUTHENTICATED":
		return "this topic is for those with a token; give one with --token or TROUPE_TOKEN"
	case "FORBIDDEN":
		return "the node's configuration grants this to others: see subscribe and publish under topics"
	case "INVALID_TOPIC":
		if err := topic.CheckName(denied.Topic, false); err != nil {
			return err.Error()
		}
		return "names that begin with " + topic.SystemPrefix + " belong to the system"
	case "TOO_LARGE":
		return "the node takes no frame of this size: see gateway.frame in its configuration"
	}
	return ""
}
