package gateway

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDequeAgreesWithASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d deque[*int]
		var want []int
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					n := next
					d.push(&n)
					want = append(want, n)
					next++
				}
			},
			"pop": func(t *rapid.T) {
				for range min(len(want), rapid.IntRange(1, 20).Draw(t, "n")) {
					if got := *d.pop(); got != want[0] {
						t.Fatalf("popped %d, want %d", got, want[0])
					}
					want = want[1:]
				}
			},
			"filter": func(t *rapid.T) {
				by, rest := rapid.IntRange(1, 4).Draw(t, "by"), rapid.IntRange(0, 3).Draw(t, "rest")
				d.filter(func(n **int) bool { return **n%by != rest })
				want = slices.DeleteFunc(want, func(n int) bool { return n%by == rest })
			},
			"search": func(t *rapid.T) {
				at := rapid.IntRange(-1, next+1).Draw(t, "at")
				i, _ := slices.BinarySearch(want, at)
				if got := d.search(func(n **int) bool { return **n >= at }); got != i {
					t.Fatalf("%d is found at %d, want %d", at, got, i)
				}
			},
			"": func(t *rapid.T) {
				if d.len() != len(want) {
					t.Fatalf("len is %d, want %d", d.len(), len(want))
				}
				for i, n := range want {
					if **d.at(i) != n {
						t.Fatalf("[%d] is %d, want %d", i, **d.at(i), n)
					}
				}
				kept := 0
				for _, p := range d.buf {
					if p != nil {
						kept++
					}
				}
				if kept != d.len() {
					t.Fatalf("%d elements are kept of %d", kept, d.len())
				}
				if len(d.buf) > max(leastDeque, 4*d.len()) {
					t.Fatalf("%d places for %d elements", len(d.buf), d.len())
				}
			},
		})
	})
}
