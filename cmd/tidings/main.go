package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx := context.Background()
	if !signal.Ignored(syscall.SIGHUP) { // as it is under nohup
		// A terminal that is closed may say so twice, by its shell and by the system: that is no second signal.
		ctx, _ = signal.NotifyContext(ctx, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(int(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())))
}

// session is what a command has of the world.
type session struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string
}

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) exitCode {
	return parse(args, &session{stdin: stdin, stdout: stdout, stderr: stderr, env: env}, func(c command, s *session) error {
		return c.run(ctx, s)
	})
}
