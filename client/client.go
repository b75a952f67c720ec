package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tidings/transport"
)

// Options configure a client. The zero value of every field means its default.
type Options struct {
	// Key is sent as a bearer token: a publish key.
	Key string
	// HTTPClient sends the requests, but WebSockets: default one without an overall time-out, which would cut streams.
	HTTPClient *http.Client
	// Transports are tried in this order when a follow does not force one; default all, best first.
	Transports []transport.Kind
	// EventBytes bounds one message as it comes over the wire, escapes and envelope included; default 16 MiB.
	EventBytes int
}

// Client talks to one gateway. Its methods may be called from several goroutines.
type Client struct {
	base    *url.URL
	options Options
	wait    backoff
	hello   time.Duration // how long a transport may take to speak
	age     time.Duration // how long a connection must last not to count as a failure
	relent  time.Duration // how long a transport that failed is left alone
}

// New makes a client of the gateway at a base URL, such as https://push.example.org. It does not connect yet.
func New(baseURL string, o Options) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("gateway: %q is no URL such as http://127.0.0.1:8080", baseURL)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawQuery, u.Fragment = "", ""
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{}
	}
	if len(o.Transports) == 0 {
		o.Transports = transport.Kinds[:]
	}
	o.EventBytes = cmp.Or(o.EventBytes, 16<<20)
	return &Client{
		base: u, options: o, wait: backoff{least: 500 * time.Millisecond, most: 30 * time.Second},
		hello: 5 * time.Second, age: 5 * time.Second, relent: 5 * time.Minute,
	}, nil
}

// ErrUnreachable is wrapped by errors of the way to the gateway: no address, refused, cut, silent.
var ErrUnreachable = errors.New("cannot reach the gateway")

// unreachable wraps an error of the way, without the URL that every layer puts in front of it.
func unreachable(err error) error {
	var op *net.OpError
	var at *url.Error
	switch {
	case errors.As(err, &op):
		err = op
	case errors.As(err, &at):
		err = at.Err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// url returns the URL of a path below the base; the topic's segments are escaped one by one.
func (c *Client) url(topic string, query url.Values) string {
	u := *c.base
	segments := []string{u.EscapedPath(), "topics"}
	if topic != "" {
		for segment := range strings.SplitSeq(topic, "/") {
			segments = append(segments, url.PathEscape(segment))
		}
	}
	path := strings.Join(segments, "/")
	u.Path, _ = url.PathUnescape(path) // it was just escaped
	u.RawPath = path
	u.RawQuery = query.Encode()
	return u.String()
}

// do sends a request and turns every answer but the wanted ones into an [Error]. The body is the caller's to close.
func (c *Client) do(req *http.Request, want ...int) (*http.Response, error) {
	if c.options.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.options.Key)
	}
	return send(c.options.HTTPClient, req, want...)
}

// send sends a request as it is; its answers are those of do.
func send(by *http.Client, req *http.Request, want ...int) (*http.Response, error) {
	resp, err := by.Do(req)
	if err != nil {
		if ctx := req.Context(); ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, unreachable(err)
	}
	if slices.Contains(want, resp.StatusCode) {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp)
}

// discard reads the rest of a short body, so that its connection is used again.
func discard(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10))
	body.Close()
}
