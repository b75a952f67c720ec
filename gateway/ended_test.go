package gateway

import (
	"testing"
	"testing/synctest"
)

// TestEnded: others see that a follower has ended, whoever ended it, and that it is not taken for topics that it follows.
func TestEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Shards: 1})
		p := crowd(t, g, 1, sinkTerms, "a")[0]
		if p.Ended() {
			t.Error("it has ended before it was closed")
		}
		p.Follower.Close(ReasonReplaced)
		synctest.Wait()
		if !p.Ended() {
			t.Error("it has not ended")
		}
		if _, err := p.Add([]Follow{{Pattern: pattern(t, "b")}}, func(Cursor) []byte { return nil }); err != nil {
			t.Errorf("the end counts as topics: %v", err)
		}
	})
}
