package transport_test

import (
	"testing"

	"tidings/gateway"
	"tidings/transport"
)

func TestByeFor(t *testing.T) {
	offer := transport.Offer{Transports: []string{"sse", "poll"}}
	for _, reason := range gateway.Reasons {
		bye, ok := transport.ByeFor(reason, offer)
		code, told := transport.CodeOf(reason)
		if ok != told || bye.Code != code {
			t.Errorf("%s: %+v, %v; its code is %d", reason, bye, ok, code)
		}
		if !ok {
			continue
		}
		if bye.Reason != string(reason) || bye.Offer == nil {
			t.Errorf("%s: %+v", reason, bye)
		}
		if again := bye.RetryMS != 0; again != code.Again() {
			t.Errorf("%s: %+v", reason, bye)
		}
	}
	if bye, _ := transport.ByeFor(gateway.ReasonSlow, transport.Offer{}); bye.Offer != nil {
		t.Errorf("an offer of nothing: %+v", bye)
	}
}

func TestRetryMSSpreads(t *testing.T) {
	seen := map[int]bool{}
	for range 100 {
		ms := transport.RetryMS()
		if ms < 500 || ms >= 3000 {
			t.Fatalf("%d ms", ms)
		}
		seen[ms] = true
	}
	if len(seen) < 20 {
		t.Errorf("%d different times of 100", len(seen))
	}
}
