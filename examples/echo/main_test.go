package main

import (
	"context"
	"testing"
)

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, "127.0.0.1:0"); err != nil {
		t.Error(err)
	}
}
