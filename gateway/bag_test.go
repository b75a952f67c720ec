package gateway

import (
	"testing"

	"pgregory.net/rapid"
)

func TestABagAgreesWithASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bag[*int]
		var want []*int
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.SampledFrom([]int{1, 7, 300}).Draw(t, "n") {
					n := new(int)
					b.push(n)
					want = append(want, n)
				}
			},
			"pop": func(t *rapid.T) {
				for range min(len(want), rapid.SampledFrom([]int{1, 7, 300}).Draw(t, "n")) {
					last := len(want) - 1
					if b.pop() != want[last] {
						t.Fatal("popped another")
					}
					want = want[:last]
				}
			},
			"": func(t *rapid.T) {
				if b.len() != len(want) {
					t.Fatalf("len is %d, want %d", b.len(), len(want))
				}
				for i, n := range want {
					if *b.at(i) != n {
						t.Fatalf("[%d] is another", i)
					}
				}
				kept, room := 0, cap(b.first)
				for _, n := range b.first[:cap(b.first)] {
					if n != nil {
						kept++
					}
				}
				for _, chunk := range b.more {
					room += len(chunk)
					for _, n := range chunk {
						if n != nil {
							kept++
						}
					}
				}
				if kept != len(want) {
					t.Fatalf("%d elements are kept of %d", kept, len(want))
				}
				if room > max(8, 4*len(want)) && room > len(want)+2*bagChunk {
					t.Fatalf("room for %d, and there are %d", room, len(want))
				}
			},
		})
	})
}
