package program

import (
	"maps"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidings/gateway/socket"
)

// TestEnvironment holds what programs find, beside the same of websocketd 0.4 where that differs.
func TestEnvironment(t *testing.T) {
	t.Setenv("PATH", "/bin")
	t.Setenv("LD_LIBRARY_PATH", "")
	t.Setenv("SECRET", "secret")
	r := shell(t, "exit", func(o *Options) { o.Software = "tidings/1.2" })
	usual := map[string]string{
		"SERVER_SOFTWARE": "tidings/1.2", "PATH": "/bin", "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_METHOD": "GET",
		"REMOTE_ADDR": "192.0.2.1", "REMOTE_HOST": "192.0.2.1", "REMOTE_PORT": "4711", "SERVER_NAME": "example.org", "SERVER_PORT": "80",
		"SCRIPT_NAME": "/", "PATH_INFO": "/a/b", "PATH_TRANSLATED": "/a/b", "QUERY_STRING": "", "REQUEST_URI": "/a/b",
		"AUTH_TYPE": "", "CONTENT_LENGTH": "", "CONTENT_TYPE": "", "REMOTE_IDENT": "", "REMOTE_USER": "", "UNIQUE_ID": "*", "HTTP_HOST": "example.org",
	}
	tests := []struct {
		name   string
		change func(*socket.Request)
		want   map[string]string // beside the usual
	}{
		{"usual", func(*socket.Request) {}, nil},
		{
			"query", func(r *socket.Request) { r.Path, r.Query = "/ä b", "x=1&y=%20" },
			map[string]string{"QUERY_STRING": "x=1&y=%20", "PATH_INFO": "/ä b", "PATH_TRANSLATED": "/ä b", "REQUEST_URI": "/%C3%A4%20b?x=1&y=%20"},
		},
		{"host with a port", func(r *socket.Request) { r.Host = "[::1]:8080" }, map[string]string{"SERVER_NAME": "::1", "SERVER_PORT": "8080", "HTTP_HOST": "[::1]:8080"}},
		{"TLS", func(r *socket.Request) { r.Secure = true }, map[string]string{"SERVER_PORT": "443", "HTTPS": "on"}},
		{"behind a proxy", func(r *socket.Request) { r.Remote = "2001:db8::1" }, map[string]string{"REMOTE_ADDR": "2001:db8::1", "REMOTE_HOST": "2001:db8::1", "REMOTE_PORT": ""}},
		{
			"header", func(r *socket.Request) {
				r.Header = textproto.MIMEHeader{
					"Cookie": {"a=b", "c=d"}, "Accept-Language": {"de", "en"}, "Sec-Websocket-Key": {"xyz"}, "X-1": {"() { :; };"},
					// What must not come through.
					"Proxy": {"http://evil.example"}, "X_real_ip": {"10.0.0.1"}, "Host": {"other"}, "X-A=b": {"c"}, "X!": {"d"},
				}
			},
			map[string]string{"HTTP_COOKIE": "a=b; c=d", "HTTP_ACCEPT_LANGUAGE": "de, en", "HTTP_SEC_WEBSOCKET_KEY": "xyz", "HTTP_X_1": "() { :; };"},
		},
		{
			"control characters", func(r *socket.Request) {
				r.Path = "/a\nb\x00c"
				r.Header = textproto.MIMEHeader{"X-A": {"b\r\nc"}}
			},
			map[string]string{"PATH_INFO": "/a b c", "PATH_TRANSLATED": "/a b c", "REQUEST_URI": "/a%0Ab%00c", "HTTP_X_A": "b  c"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := &socket.Request{Path: "/a/b", Host: "example.org", Remote: "192.0.2.1:4711"}
			test.change(req)
			at, ok := r.target(req.Path)
			if !ok {
				t.Fatal("there is no program")
			}
			want := maps.Clone(usual)
			maps.Copy(want, test.want)
			got := map[string]string{}
			for _, entry := range r.requestEnv(t.Context(), req, at) {
				name, value, _ := strings.Cut(entry, "=")
				if _, twice := got[name]; twice {
					t.Errorf("%s is there twice", name)
				}
				got[name] = value
			}
			if len(got["UNIQUE_ID"]) >= 20 {
				got["UNIQUE_ID"] = "*"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want (-) and got (+):\n%s", diff)
			}
		})
	}
}

func TestPassEnv(t *testing.T) {
	t.Setenv("LANG", "C.UTF-8")
	t.Setenv("HTTPS", "on")
	r := shell(t, "exit", func(o *Options) { o.PassEnv = []string{"LANG", "HTTPS", "NOT_THERE"} })
	if diff := cmp.Diff([]string{"SERVER_SOFTWARE=tidings", "LANG=C.UTF-8"}, r.baseEnv()); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
}

func TestMount(t *testing.T) {
	for _, test := range []struct{ mount, path, script, info string }{
		{"/", "/", "/", "/"},
		{"/", "/a", "/", "/a"},
		{"/count", "/count", "/count", ""},
		{"/app/", "/app/", "/app", "/"},
		{"/app/", "/app/x/y", "/app", "/x/y"},
	} {
		r := shell(t, "exit", func(o *Options) { o.Path = test.mount })
		if at, ok := r.target(test.path); !ok || at.scriptName != test.script || at.pathInfo != test.info {
			t.Errorf("%s at %s: %+v %v", test.path, test.mount, at, ok)
		}
	}
}

func TestReverseLookup(t *testing.T) {
	r := shell(t, "exit", func(o *Options) { o.ReverseLookup = true })
	ended, cancel := contextEnded(t)
	defer cancel()
	env := r.requestEnv(ended, &socket.Request{Path: "/", Remote: "192.0.2.1:1"}, target{})
	if !slices.Contains(env, "REMOTE_HOST=192.0.2.1") {
		t.Errorf("where there is no name: %q", env)
	}
}
