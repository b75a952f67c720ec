package gateway

import (
	"mime"
	"testing"
)

// sameBaseType compares the short way with the library's.
func sameBaseType(t *testing.T, mediaType string) {
	t.Helper()
	base, err := BaseType(mediaType)
	want, _, wantErr := mime.ParseMediaType(mediaType)
	if base != want || (err == nil) != (wantErr == nil) {
		t.Errorf("%q: %q, %v, but %q, %v in package mime", mediaType, base, err, want, wantErr)
	}
}

var mediaTypes = []string{
	"", "/", "a/", "/a", "a", "a/b", "a//b", "a/b/c", "text/plain", "Text/Plain", " text/plain", "text/plain ", "text/plain;", "text/plain; ",
	"text/plain; charset=utf-8", "text/plain;charset=UTF-8", "text/plain;  charset=utf-8", "text/plain; charset=\"utf-8\"", "text/;charset=utf-8",
	"text/plain; charset=latin1", "text/plain ;charset=utf-8", "a;charset=utf-8", ";charset=utf-8", "text/plain; charset=utf-8; charset=utf-8",
	"application/vnd.api+json", "a/b; c", "a/b; c=\"", "a/b\n", "é/a", "a_b/c!", "x/y;q=1;r=2",
}

func TestBaseType(t *testing.T) {
	for _, mediaType := range mediaTypes {
		sameBaseType(t, mediaType)
	}
	allocs := testing.AllocsPerRun(100, func() {
		for _, usual := range []string{"text/plain", "text/plain; charset=utf-8", "application/json", "application/x-www-form-urlencoded"} {
			if _, err := BaseType(usual); err != nil {
				t.Error(err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzBaseType(f *testing.F) {
	for _, mediaType := range mediaTypes {
		f.Add(mediaType)
	}
	f.Fuzz(sameBaseType)
}
