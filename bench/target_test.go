package bench

import (
	"errors"
	"testing"
)

func TestLoopback(t *testing.T) {
	for url, want := range map[string]bool{
		"http://127.0.0.1:8080":              true,
		"http://127.0.0.1":                   true,
		"ws://127.255.3.4/sub":               true,
		"https://[::1]:8443/":                true,
		"http://[::ffff:127.0.0.1]:80":       true,
		"http://localhost:8080":              true,
		"http://LocalHost.:8080":             true,
		"http://127.0.0.1.evil.com":          false,
		"http://localhost.evil.com":          false,
		"http://evil-localhost":              false,
		"http://127.0.0.1@evil.com/":         false,
		"http://127.0.0.1:80@evil.com":       false,
		"http://evil.com/127.0.0.1":          false,
		"http://evil.com#@127.0.0.1":         false,
		"http://evil.com?@127.0.0.1":         false,
		"http://0.0.0.0:8080":                false,
		"http://[::]:8080":                   false,
		"http://[::ffff:10.0.0.1]":           false,
		"http://[::ffff:0.0.0.0]":            false,
		"http://128.0.0.1":                   false,
		"http://10.127.0.1":                  false,
		"http://127.1":                       false, // what a resolver makes of it is not known
		"http://2130706433":                  false,
		"http://0x7f.0.0.1":                  false,
		"http://0177.0.0.1":                  false,
		"http://127.0.0.01":                  false,
		"http://127.0.0.1.nip.io":            false,
		"http://example.org":                 false,
		"http://ip6-localhost":               false,
		"http://xn--127-0-0-1.example":       false,
		"http://%31%32%37.0.0.1:8080":        false,
		"http://127.0.0.1%2eevil.com":        false,
		"http://127.0.0.1%00.evil.com":       false,
		"http://\u2488\u2488\u2488127.0.0.1": false,
	} {
		p, err := parsePlace(url)
		if err != nil {
			if want {
				t.Errorf("%s: %v", url, err)
			}
			continue
		}
		if p.loopback() != want {
			t.Errorf("%s: loopback is %v", url, p.loopback())
		}
		_, err = Options{URL: url}.begin()
		if refused := errors.Is(err, ErrHost); refused == want {
			t.Errorf("%s: begins with %v", url, err)
		}
		if _, err := (Options{URL: url, Anywhere: true}).begin(); err != nil {
			t.Errorf("%s, with leave: %v", url, err)
		}
	}
	_, err := Options{URL: "http://127.0.0.1/sub", Plain: true, PublishURL: "http://example.org/pub"}.begin()
	if !errors.Is(err, ErrHost) {
		t.Errorf("publishing elsewhere: %v", err)
	}
}

// TestControl holds that a name which is another address than it seemed is not connected to.
func TestControl(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true, "10.0.0.1:80": false, "0.0.0.0:80": false, "[::]:80": false, "": false,
	} {
		if err := control("tcp", address, nil); errors.Is(err, ErrHost) == want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestResolve(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1:80": true, "[::ffff:127.0.0.1]:80": true, "[::1]:80": true, "10.0.0.1:80": false} {
		to, err := newDialer(place{addr: addr}, false).resolve(t.Context())
		if errors.Is(err, ErrHost) == want || to.Addr().Is4In6() {
			t.Errorf("%s: %v, %v", addr, to, err)
		}
		if _, err := newDialer(place{addr: addr}, true).resolve(t.Context()); err != nil {
			t.Errorf("%s, with leave: %v", addr, err)
		}
	}
}

func TestWhatIsWronglyAsked(t *testing.T) {
	for name, run := range map[string]func() error{
		"no URL":                   func() error { return asked(Idle{Connections: 1}.Run(t.Context())) },
		"scheme":                   func() error { return asked(Idle{Options: at("ftp://127.0.0.1"), Connections: 1}.Run(t.Context())) },
		"no connections":           func() error { return asked(Idle{Options: at("http://127.0.0.1")}.Run(t.Context())) },
		"no rate":                  func() error { return asked(Fanout{Options: at("http://127.0.0.1"), Followers: 1}.Run(t.Context())) },
		"no time":                  func() error { return asked(Publish{Options: at("http://127.0.0.1"), Connections: 1}.Run(t.Context())) },
		"nobody to publish":        func() error { return asked(Fanout{Options: plain, Followers: 1, Volume: someVolume}.Run(t.Context())) },
		"storm, nobody to publish": func() error { return asked(Storm{Options: plain, Clients: 1, Volume: someVolume}.Run(t.Context())) },
		"resume, gateway": func() error {
			return asked(Idle{Options: Options{URL: "http://127.0.0.1", ResumeArgument: "id"}, Connections: 1}.Run(t.Context()))
		},
		"slow elsewhere": func() error {
			return asked(Slow{Options: plain, Stalled: 1, Followers: 1, Volume: someVolume}.Run(t.Context()))
		},
		"publish URL, gateway": func() error {
			return asked(Idle{Options: Options{URL: "http://127.0.0.1", PublishURL: "http://127.0.0.1"}}.Run(t.Context()))
		},
		"transport": func() error {
			return asked(Idle{Options: Options{URL: "http://127.0.0.1", Transport: "pigeon"}, Connections: 1}.Run(t.Context()))
		},
	} {
		if err := run(); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var (
	plain      = Options{URL: "http://127.0.0.1:1/sub", Plain: true}
	someVolume = Volume{Rate: 20, Size: 128, For: 1e9}
)

func at(url string) Options { return Options{URL: url} }

func asked(_ *Report, err error) error { return err }
