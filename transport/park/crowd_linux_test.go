package park

import "testing"

type ignorant struct{}

func (ignorant) Data([]byte) bool { return true }
func (ignorant) Ready()           {}
func (ignorant) Gone()            {}

// TestOnlyRequestsAreACrowd: who waits for what an open connection brings is not made to wait because others bring something too.
func TestOnlyRequestsAreACrowd(t *testing.T) {
	l := new(Loop)
	for slot := range int32(64) {
		l.hear(&socket{slot: slot, phase: open, handler: ignorant{}}, []byte("news"))
	}
	if l.crowd.slots != 0 {
		t.Errorf("open connections are a crowd: %x", l.crowd.slots)
	}
	for slot := range int32(64) {
		l.hear(&socket{slot: slot, phase: asking}, []byte("GET /"))
	}
	if l.crowd.slots != 1<<64-1 {
		t.Errorf("connections that ask are no crowd: %x", l.crowd.slots)
	}
}
