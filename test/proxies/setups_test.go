package proxies

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// setup is a proxy as somebody set it up.
type setup struct {
	name  string
	start func(t *testing.T, gateway string) (address string)
}

// setups are the rows of the table.
var setups = []setup{
	{"nginx, `proxy_pass` alone", nginxWith("")},
	{"nginx, X-Accel-Buffering ignored", nginxWith("proxy_ignore_headers X-Accel-Buffering;")},
	{"nginx, the same, `proxy_http_version 1.1`", nginxWith("proxy_ignore_headers X-Accel-Buffering; proxy_http_version 1.1;")},
	{"nginx, `gzip` of everything", nginxWith("gzip on; gzip_types *; gzip_proxied any; gzip_min_length 0; proxy_http_version 1.1;")},
	{"nginx, `proxy_cache_lock` for everything", nginxWith("proxy_cache all; proxy_cache_lock on; proxy_cache_lock_timeout 1h; " +
		"proxy_cache_lock_age 1h; proxy_http_version 1.1;")},
	{"nginx, `configs/nginx.conf`", ourNginx},
	{"HAProxy, as Debian ships it", haproxyWith("50s", "")},
	{"HAProxy, `option http-buffer-request`", haproxyWith("50s", "option http-buffer-request")},
	{"HAProxy, `http-response wait-for-body`", haproxyWith("50s", "http-response wait-for-body time 60s at-least 16k")},
	{"HAProxy, `compression algo gzip`", haproxyWith("50s", "compression algo gzip\n compression type application/json application/x-ndjson text/event-stream")},
	{"HAProxy, time-outs below what is silent", haproxyWith("1s", "")},
	{"HAProxy, `configs/haproxy.cfg`", ourHAProxy},
	{"Varnish, a `backend` alone", varnishWith("")},
	{"Varnish, `do_stream = false`", varnishWith("sub vcl_backend_response { set beresp.do_stream = false; }")},
	{"Varnish, `do_gzip = true`", varnishWith("sub vcl_backend_response { set beresp.do_gzip = true; }")},
	{"Varnish, `configs/varnish.vcl`", ourVarnish},
}

// nginxMain is what is around a server block: it keeps all files in the test's directory.
const nginxMain = `
user root;
worker_processes 1;
daemon off;
pid nginx.pid;
events { worker_connections 8192; }
http {
    access_log off;
    proxy_cache_path all keys_zone=all:1m;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
`

// nginxWith is nginx as people begin with it, with lines added to the location.
func nginxWith(lines string) func(*testing.T, string) string {
	return func(t *testing.T, gateway string) string {
		p := nginx
		p.files = func(listen, gateway, _ string) map[string]string {
			return map[string]string{"nginx.conf": nginxMain +
				"server {\n listen " + listen + ";\n location / {\n proxy_pass http://" + gateway + ";\n" + lines + "\n}\n}\n}\n"}
		}
		return p.start(t, gateway)
	}
}

// haproxyWith is HAProxy with the defaults that Debian ships, a time-out for silent connections, and a line added to the backend.
func haproxyWith(silence, line string) func(*testing.T, string) string {
	return func(t *testing.T, gateway string) string {
		p := haproxy
		p.files = func(listen, gateway, _ string) map[string]string {
			return map[string]string{"haproxy.cfg": "defaults\n mode http\n timeout connect 5s\n timeout client " + silence +
				"\n timeout server " + silence + "\nfrontend in\n bind " + listen + "\n default_backend out\nbackend out\n " + line +
				"\n server gateway " + gateway + "\n"}
		}
		return p.start(t, gateway)
	}
}

// varnishWith is Varnish with nothing but a backend, and lines after it.
func varnishWith(lines string) func(*testing.T, string) string {
	return func(t *testing.T, gateway string) string {
		p := varnish
		p.files = func(_, gateway, _ string) map[string]string {
			host, port, _ := strings.Cut(gateway, ":")
			return map[string]string{"varnish.vcl": "vcl 4.1;\nbackend default { .host = \"" + host + "\"; .port = \"" + port + "\"; }\n" + lines + "\n"}
		}
		return p.start(t, gateway)
	}
}

func ourNginx(t *testing.T, gateway string) string {
	p := nginx
	p.files = func(listen, gateway, dir string) map[string]string {
		return map[string]string{
			"nginx.conf": nginxMain + "include tidings.conf;\n}\n",
			"tidings.conf": ours(t, "nginx.conf", "listen 80;", "listen "+listen+";", "server 127.0.0.1:8080;", "server "+gateway+";",
				"/var/cache/nginx/tidings", filepath.Join(dir, "cache")),
		}
	}
	return p.start(t, gateway)
}

func ourHAProxy(t *testing.T, gateway string) string {
	p := haproxy
	p.files = func(listen, gateway, _ string) map[string]string {
		return map[string]string{"haproxy.cfg": ours(t, "haproxy.cfg", "bind :80\n", "bind "+listen+"\n", "127.0.0.1:8080", gateway)}
	}
	return p.start(t, gateway)
}

func ourVarnish(t *testing.T, gateway string) string {
	p := varnish
	p.files = func(_, gateway, _ string) map[string]string {
		host, port, _ := strings.Cut(gateway, ":")
		return map[string]string{"varnish.vcl": ours(t, "varnish.vcl", `"127.0.0.1"`, `"`+host+`"`, `"8080"`, `"`+port+`"`)}
	}
	return p.start(t, gateway)
}

// ours is a file of configs with the test's addresses in the place of those that it has, each once: pairs of old and new.
func ours(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "configs", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if n := strings.Count(string(text), pairs[i]); n != 1 {
			t.Fatalf("configs/%s has %q %d times, want it once", name, pairs[i], n)
		}
	}
	return strings.NewReplacer(pairs...).Replace(string(text))
}
