package server

import (
	"net/url"
	"slices"
	"testing"
)

// FuzzParams: a query means what it means to net/url.
func FuzzParams(f *testing.F) {
	for _, q := range []string{"", "since=now", "topic=a&topic=b%2Fc&since=10m&since=", "a=b;c", "a=%zz", "%zz=a", "&&a&=b&a=+%2B", "since=2026-11-28T10:00:00+01:00"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		want, wantErr := url.ParseQuery(query)
		got, err := parseParams(nil, query)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, and %v to net/url", query, err, wantErr)
		}
		if err != nil {
			return
		}
		n := 0
		for name, values := range want {
			if n += len(values); !slices.Equal(got.all(name), values) || got.get(name) != want.Get(name) {
				t.Fatalf("%q: %s is %q, and %q to net/url", query, name, got.all(name), values)
			}
		}
		if n != len(got) {
			t.Fatalf("%q: %d parameters, and %d to net/url", query, len(got), n)
		}
	})
}

// all returns all values of a name.
func (p params) all(name string) (values []string) {
	for i := range p {
		if p[i].name == name {
			values = append(values, p[i].value)
		}
	}
	return values
}
