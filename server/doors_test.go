package server

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"tidings/transport"
)

func openDoors(t *testing.T, o Options) *doors {
	t.Helper()
	d, err := newDoors(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestHost(t *testing.T) {
	tests := []struct {
		host     string
		hosts    []string
		loopback bool
		ok       bool
	}{
		{"localhost", nil, true, true},
		{"localhost:8080", nil, true, true},
		{"LOCALHOST.:8080", nil, true, true},
		{"news.localhost:8080", nil, true, true},
		{"127.0.0.1:8080", nil, true, true},
		{"127.8.8.8", nil, true, true},
		{"[::1]:8080", nil, true, true},
		{"[::1]", nil, true, true},
		{"[::ffff:127.0.0.1]:80", nil, true, true},
		{"", nil, true, true},
		{"evil.example", nil, true, false},
		{"evil.example:8080", nil, true, false},
		{"localhost.evil.example", nil, true, false},
		{"127.0.0.1.evil.example:8080", nil, true, false},
		{"192.168.1.5:8080", nil, true, false},
		{"push.example.com", []string{"push.example.com"}, true, true},
		{"push.example.com:443", []string{"Push.Example.com"}, true, true},
		{"evil.example", []string{"push.example.com"}, true, false},
		{"localhost", []string{"push.example.com"}, true, true},
		{"anything.example", nil, false, true},
		{"anything.example", []string{"push.example.com"}, false, false},
		{"push.example.com", []string{"push.example.com"}, false, true},
		{"10.0.0.7:8080", []string{"push.example.com"}, false, true}, // a probe by address
	}
	for _, test := range tests {
		p := openDoors(t, Options{Hosts: test.hosts}).host(test.host, test.loopback)
		if (p == nil) != test.ok {
			t.Errorf("host %q, loopback %v, hosts %v: %v", test.host, test.loopback, test.hosts, p)
		}
		if p != nil && p.kind != forbiddenHost {
			t.Errorf("host %q: %v", test.host, p)
		}
	}
}

func TestOrigin(t *testing.T) {
	const here, page = "push.example.com", "https://www.example.com"
	tests := []struct {
		name    string
		e       entry
		origins []string
		ok      bool
	}{
		{"no browser reads", entry{right: toFollow, host: here}, nil, true},
		{"no browser writes", entry{right: toPublish, host: here}, nil, true},
		{"own page", entry{right: toPublish, host: here, origin: "https://" + here, site: "same-origin"}, nil, true},
		{"own page, old browser", entry{right: toPublish, host: here, origin: "https://" + here}, nil, true},
		{"own page behind a proxy that changes the host", entry{right: toPublish, host: "10.0.0.1", origin: "https://" + here, site: "same-origin"}, nil, true},
		{"own page, own port", entry{right: toFollow, host: here + ":8080", origin: "http://" + here + ":8080"}, nil, true},
		{"own page, other port", entry{right: toFollow, host: here + ":8080", origin: "http://" + here + ":9090"}, nil, false},
		{"other page reads", entry{right: toFollow, host: here, origin: page, site: "cross-site"}, nil, false},
		{"other page writes", entry{right: toPublish, host: here, origin: page, site: "cross-site"}, nil, false},
		{"other page, old browser", entry{right: toPublish, host: here, origin: page}, nil, false},
		{"sister page", entry{right: toPublish, host: here, origin: page, site: "same-site"}, nil, false},
		{"other page without Origin writes", entry{right: toPublish, host: here, site: "cross-site"}, nil, false},
		{"other page shows a picture", entry{right: toFollow, host: here, site: "cross-site"}, nil, true},
		{"address bar", entry{right: toLook, host: here, site: "none"}, nil, true},
		{"listed", entry{right: toPublish, host: here, origin: page, site: "cross-site"}, []string{page}, true},
		{"listed, another scheme", entry{right: toFollow, host: here, origin: "http://www.example.com"}, []string{page}, false},
		{"listed, another port", entry{right: toFollow, host: here, origin: page + ":8443"}, []string{page}, false},
		{"listed, longer name", entry{right: toFollow, host: here, origin: page + ".evil.example"}, []string{page}, false},
		{"listed with a slash", entry{right: toFollow, host: here, origin: page}, []string{page + "/"}, true},
		{"listed in capitals", entry{right: toFollow, host: here, origin: page}, []string{"HTTPS://WWW.example.com"}, true},
		{"listed with every port", entry{right: toFollow, host: here, origin: page + ":8443"}, []string{page + ":*"}, true},
		{"listed with every port, none", entry{right: toFollow, host: here, origin: page}, []string{page + ":*"}, true},
		{"listed with every port, another scheme", entry{right: toFollow, host: here, origin: "http://www.example.com:8443"}, []string{page + ":*"}, false},
		{"listed with every port, longer name", entry{right: toFollow, host: here, origin: page + ":x.evil.example"}, []string{page + ":*"}, false},
		{"listed with every port, longer name and port", entry{right: toFollow, host: here, origin: page + ".evil.example:80"}, []string{page + ":*"}, false},
		{"every port of an address", entry{right: toFollow, host: here, origin: "http://[2001:db8::1]:81"}, []string{"http://[2001:db8::1]:*"}, true},
		{"an address that goes on", entry{right: toFollow, host: here, origin: "http://[2001:db8::1:81]"}, []string{"http://[2001:db8::1]:*"}, false},
		{"all", entry{right: toPublish, host: here, origin: page, site: "cross-site"}, []string{"*"}, true},
		{"no origin", entry{right: toFollow, host: here, origin: "null", site: "cross-site"}, nil, false},
		{"no origin, listed", entry{right: toFollow, host: here, origin: "null", site: "cross-site"}, []string{"null"}, true},
		{"loopback page", entry{right: toPublish, host: "localhost:8080", origin: "http://localhost:3000", site: "same-site", loopback: true}, nil, true},
		{"loopback page by address", entry{right: toPublish, host: "localhost:8080", origin: "http://127.0.0.1:3000", site: "cross-site", loopback: true}, nil, true},
		{"loopback page by IPv6", entry{right: toPublish, host: "localhost:8080", origin: "http://[::1]:3000", loopback: true}, nil, true},
		{"loopback page elsewhere", entry{right: toFollow, host: here, origin: "http://localhost:3000", site: "cross-site"}, nil, false},
		{"other page to loopback", entry{right: toFollow, host: "localhost:8080", origin: page, site: "cross-site", loopback: true}, nil, false},
		{"no origin to loopback", entry{right: toFollow, host: "localhost:8080", origin: "null", loopback: true}, nil, false},
		{"other scheme to loopback", entry{right: toFollow, host: "localhost:8080", origin: "chrome-extension://localhost", loopback: true}, nil, false},
		{"garbage", entry{right: toFollow, host: here, origin: "%zz"}, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := openDoors(t, Options{Origins: test.origins}).origin(&test.e)
			if (p == nil) != test.ok {
				t.Errorf("%+v, origins %v: %v", test.e, test.origins, p)
			}
			if p != nil && p.kind != forbiddenOrigin {
				t.Errorf("%v", p)
			}
		})
	}
}

// TestOriginLikeNetHTTP holds the check of writes at a public address against the standard library's.
func TestOriginLikeNetHTTP(t *testing.T) {
	const page = "https://www.example.com"
	theirs := http.NewCrossOriginProtection()
	if err := theirs.AddTrustedOrigin(page); err != nil {
		t.Fatal(err)
	}
	ours := openDoors(t, Options{Origins: []string{page}})
	for _, origin := range []string{"", page, "https://evil.example", "https://push.example.com", "http://push.example.com", "null", "%zz"} {
		for _, site := range []string{"", "none", "same-origin", "same-site", "cross-site", "else"} {
			for _, host := range []string{"push.example.com", "10.0.0.1"} {
				r := &http.Request{Method: http.MethodPost, Host: host, Header: http.Header{}}
				for name, value := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site} {
					if value != "" {
						r.Header.Set(name, value)
					}
				}
				want := theirs.Check(r) == nil
				got := ours.origin(&entry{right: toPublish, host: host, origin: origin, site: site}) == nil
				if got != want {
					t.Errorf("Origin %q, Sec-Fetch-Site %q to %s: %v, net/http says %v", origin, site, host, got, want)
				}
			}
		}
	}
}

func TestPublisher(t *testing.T) {
	tests := []struct {
		name          string
		o             Options
		authorization string
		loopback      bool
		ok            bool
	}{
		{"loopback needs nothing", Options{}, "", true, true},
		{"others need a key", Options{}, "", false, false},
		{"others need a key that exists", Options{}, "Bearer k", false, false},
		{"unless it is insecure", Options{Insecure: true}, "", false, true},
		{"a key is needed on loopback too", Options{PublishKeys: []string{"k1"}}, "", true, false},
		{"insecure does not take keys away", Options{PublishKeys: []string{"k1"}, Insecure: true}, "", true, false},
		{"right", Options{PublishKeys: []string{"k1"}}, "Bearer k1", false, true},
		{"second", Options{PublishKeys: []string{"k1", "k2"}}, "bearer  k2", false, true},
		{"wrong", Options{PublishKeys: []string{"k1"}}, "Bearer k2", false, false},
		{"too short", Options{PublishKeys: []string{"k1"}}, "Bearer k", false, false},
		{"other scheme", Options{PublishKeys: []string{"k1"}}, "Basic k1", false, false},
		{"no scheme", Options{PublishKeys: []string{"k1"}}, "k1", false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			scope, p := openDoors(t, test.o).publisher(bearer(test.authorization), test.loopback)
			if (p == nil) != test.ok {
				t.Fatalf("%v", p)
			}
			if p != nil && p.kind != unauthorized {
				t.Errorf("%v", p)
			}
			if strings.Contains(scope, "k1") || strings.Contains(scope, "k2") {
				t.Errorf("the scope %q holds the key", scope)
			}
		})
	}
}

func TestScopesDiffer(t *testing.T) {
	d := openDoors(t, Options{PublishKeys: []string{"k1", "k2"}})
	one, _ := d.publisher("k1", true)
	two, _ := d.publisher("k2", true)
	if one == two {
		t.Error("two keys share their idempotency keys")
	}
}

func TestOptionsNameAllMistakes(t *testing.T) {
	_, err := New(Options{
		PublishKeys: []string{"", "a b"}, Origins: []string{"example.com", "https://example.com/path", "https://a:1:*"}, Hosts: []string{"http://x"},
		MessageBytes: -1, Ping: 1, Off: transport.Kinds[:],
	})
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{"publish key 1", "publish key 2", `"example.com"`, "/path", "https://a:1:*", "http://x", "MessageBytes", "Ping", "switched off"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in: %v", want, err)
		}
	}
}

func TestLocal(t *testing.T) {
	tests := []struct {
		addr net.Addr
		want bool
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, true},
		{&net.TCPAddr{IP: net.IPv6loopback}, true},
		{&net.TCPAddr{IP: net.IPv4zero}, false},
		{&net.TCPAddr{}, false},
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}, false},
		{&net.UnixAddr{Name: "/run/tidings"}, false},
	}
	for _, test := range tests {
		if got := local(test.addr); got != test.want {
			t.Errorf("local(%v) = %v", test.addr, got)
		}
	}
}
