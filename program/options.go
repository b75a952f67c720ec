package program

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Options say which program serves, and how. The zero value of every field but Command and Dir means its default.
type Options struct {
	// Command is the program and its arguments. It is looked up as a shell does.
	Command []string
	// Dir is a directory of programs instead: the first part of a socket's path that names one is the program, what follows is its PATH_INFO.
	Dir string
	// Path is that of the sockets that are served; default "/". It is the first part of SCRIPT_NAME.
	Path string

	// Binary says that messages are bytes: a piece of output is one as soon as it is there, and to input nothing is added.
	Binary bool

	Processes int           // bound of programs that run at the same time; default 1,024; -1 for none
	Grace     time.Duration // how long a program may take to end after its input has, and again after SIGTERM; default 500 ms
	LineBytes int           // bound of a line that [Runner.Feed] publishes; default 1 MiB

	PassEnv       []string // variables of our own environment that programs have; default [PassEnv]
	ReverseLookup bool     // REMOTE_HOST is the name that DNS has for the client's address
	Software      string   // SERVER_SOFTWARE; default "tidings"

	Logger *slog.Logger // default: slog.Default()
}

// DefaultProcesses is how many programs may run at the same time where nothing else is said: not a plan, but a stop for who opens sockets without end.
const DefaultProcesses = 1024

func (o Options) withDefaults() Options {
	o.Path = cmp.Or(o.Path, "/")
	o.Processes = cmp.Or(o.Processes, DefaultProcesses)
	o.Grace = cmp.Or(o.Grace, 500*time.Millisecond)
	o.LineBytes = cmp.Or(o.LineBytes, 1<<20)
	o.Software = cmp.Or(o.Software, "tidings")
	if o.PassEnv == nil {
		o.PassEnv = PassEnv()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// PassEnv lists the variables of our own environment that programs have where nothing else is said: what is needed to find other programs and libraries.
func PassEnv() []string {
	switch runtime.GOOS {
	case "darwin":
		return []string{"PATH", "DYLD_LIBRARY_PATH"}
	case "windows":
		return []string{"PATH", "SystemRoot", "COMSPEC", "PATHEXT", "WINDIR"}
	}
	return []string{"PATH", "LD_LIBRARY_PATH"}
}

// Check reports what is wrong with which program is to serve, all at once, and as far as it can be known before it starts.
func (o Options) Check() error {
	var errs []error
	switch {
	case len(o.Command) == 0 && o.Dir == "":
		errs = append(errs, errors.New("there is no program, and no directory of programs"))
	case len(o.Command) > 0 && o.Dir != "":
		errs = append(errs, errors.New("there is a program and a directory of programs: only one of them can serve"))
	case o.Dir != "":
		if info, err := os.Stat(o.Dir); err != nil {
			errs = append(errs, err)
		} else if !info.IsDir() {
			errs = append(errs, fmt.Errorf("%s is no directory", o.Dir))
		}
	default:
		if _, err := find(o.Command[0]); err != nil {
			errs = append(errs, err)
		}
	}
	if strings.ContainsRune(strings.Join(slices.Concat(o.Command, o.PassEnv), ""), 0) {
		errs = append(errs, errors.New("neither an argument nor the name of a variable can hold the byte 0"))
	}
	if o.Grace < 0 {
		errs = append(errs, fmt.Errorf("the grace is negative: %s", o.Grace))
	}
	return errors.Join(errs...)
}

// find looks a program up and returns where it is, whatever the working directory will be.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrDot) || errors.Is(err, exec.ErrNotFound) && filepath.Base(name) == name {
		if info, statErr := os.Stat(name); statErr == nil && !info.IsDir() {
			return "", fmt.Errorf("%q is not in PATH: say ./%s for the one in this directory", name, name)
		}
	}
	switch {
	case errors.Is(err, os.ErrPermission):
		return "", fmt.Errorf("%s cannot be executed: is it chmod +x?", name)
	case err != nil:
		if at, ok := errors.AsType[*os.PathError](err); ok {
			err = at.Err
		} else if at, ok := errors.AsType[*exec.Error](err); ok {
			err = at.Err
		}
		return "", fmt.Errorf("there is no program %q: %w", name, err)
	}
	return filepath.Abs(path)
}
