package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"tidings/bench"
)

// contestant is one server that is measured.
type contestant struct {
	name       string
	transports []string
	start      func(at string) (*exec.Cmd, error)
	options    func(at, transport string) bench.Options
}

// The places where Debian puts what Nchan needs.
const (
	nginx       = "/usr/sbin/nginx"
	nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"
)

func nchanInstalled() bool {
	for _, path := range []string{nginx, nchanModule} {
		if _, err := os.Stat(path); err != nil {
			return false
		}
	}
	return true
}

func contestants(program, bare, dir string) []contestant {
	all := []contestant{
		{
			name: "Tidings", transports: []string{"websocket", "sse", "stream", "longpoll"},
			start: func(at string) (*exec.Cmd, error) {
				return exec.Command(program, "serve", "--listen", at, "--log-level", "warn"), nil
			},
			options: func(at, _ string) bench.Options { return bench.Options{URL: "http://" + at} },
		},
		{
			name: "bare loop", transports: []string{"websocket", "sse"},
			start: func(at string) (*exec.Cmd, error) { return exec.Command(bare, "-listen", at), nil },
			options: func(at, transport string) bench.Options {
				path := map[string]string{"websocket": "/ws", "sse": "/sse"}[transport]
				return bench.Options{URL: "http://" + at + path, Plain: true, PublishURL: "http://" + at + "/publish"}
			},
		},
	}
	if nchanInstalled() {
		all = append(all, contestant{
			name: "Nchan", transports: []string{"websocket", "sse", "longpoll"},
			start: func(at string) (*exec.Cmd, error) { return nchan(dir, at) },
			options: func(at, _ string) bench.Options {
				return bench.Options{URL: "http://" + at + "/sub", Plain: true, PublishURL: "http://" + at + "/pub"}
			},
		})
	}
	return all
}

// nchanConfig is one process without a master, so that what it uses is what one process uses. All it writes is in one
// directory.
const nchanConfig = `load_module ` + nchanModule + `;
daemon off;
master_process off;
worker_rlimit_nofile 20000;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 19000; }
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  keepalive_requests 1000000000;
  server {
    listen %[2]s backlog=4096;
    location = /sub {
      nchan_subscriber websocket eventsource longpoll;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
    }
    location = /pub {
      nchan_publisher;
      nchan_channel_id bench;
      nchan_message_buffer_length 100;
    }
  }
}
`

func nchan(dir, at string) (*exec.Cmd, error) {
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nchanConfig, dir, at), 0o600); err != nil {
		return nil, err
	}
	return exec.Command(nginx, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", config), nil
}

// freeAddress returns a loopback address that nobody listens at.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// answers returns when somebody listens.
func answers(ctx context.Context, at string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for again := time.NewTicker(20 * time.Millisecond); ; {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", at)
		if err == nil {
			again.Stop()
			return c.Close()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return fmt.Errorf("it does not listen: %w", err)
		}
	}
}
