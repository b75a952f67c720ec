package program

import (
	"context"
	"crypto/rand"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"tidings/gateway/socket"
)

// target is the program that a request is for, and what its path means to it.
type target struct {
	file       string // the program's
	scriptName string // SCRIPT_NAME
	pathInfo   string // PATH_INFO
}

// lookupTime is how long the name of a client's address may take to be found.
const lookupTime = 2 * time.Second

// requestEnv is the environment of a program that serves a socket: RFC 3875 section 4.1, and what else is common.
func (r *Runner) requestEnv(ctx context.Context, req *socket.Request, at target) []string {
	env := r.baseEnv()
	set := func(name, value string) { env = append(env, name+"="+clean.Replace(value)) }

	remote, port := req.Remote, ""
	if host, p, err := net.SplitHostPort(req.Remote); err == nil {
		remote, port = host, p
	}
	set("REMOTE_ADDR", remote)
	set("REMOTE_HOST", r.remoteHost(ctx, remote))
	set("REMOTE_PORT", port)
	name, port := serverAddress(req)
	set("SERVER_NAME", name)
	set("SERVER_PORT", port)
	set("SERVER_PROTOCOL", "HTTP/1.1")
	set("GATEWAY_INTERFACE", "CGI/1.1")
	set("REQUEST_METHOD", "GET") // also where a POST has opened the socket: a program need not know how
	set("SCRIPT_NAME", at.scriptName)
	set("PATH_INFO", at.pathInfo)
	set("PATH_TRANSLATED", req.Path)
	set("QUERY_STRING", req.Query)
	uri := (&url.URL{Path: req.Path, RawQuery: req.Query}).RequestURI()
	set("REQUEST_URI", uri)
	set("UNIQUE_ID", rand.Text())
	// There is no body, and who the client is only the program can tell.
	for _, name := range []string{"AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "REMOTE_IDENT", "REMOTE_USER"} {
		set(name, "")
	}
	if req.Secure {
		set("HTTPS", "on")
	}
	set("HTTP_HOST", req.Host)
	for name, values := range req.Header {
		if variable := headerVariable(name); variable != "" {
			between := ", "
			if name == "Cookie" {
				between = "; " // RFC 9113 section 8.2.3
			}
			set(variable, strings.Join(values, between))
		}
	}
	return env
}

// baseEnv is what a program has of our own environment.
func (r *Runner) baseEnv() []string {
	env := []string{"SERVER_SOFTWARE=" + r.options.Software}
	for _, name := range r.options.PassEnv {
		if value := os.Getenv(name); value != "" && name != "HTTPS" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// clean keeps a value one line, which programs in shell rely on, and one string.
var clean = strings.NewReplacer("\n", " ", "\r", " ", "\x00", " ")

// headerVariable is the variable in which a header field is passed on, or "" if it is not.
//
// A field Proxy would be HTTP_PROXY, in which many programs look for their own way out (CVE-2016-5385). A name with an underscore would
// pass for the one with a hyphen, which a proxy in front may have set to be trusted. Host was set already.
func headerVariable(name string) string {
	if name == "Proxy" || name == "Host" || strings.ContainsFunc(name, func(c rune) bool {
		return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}) {
		return ""
	}
	return "HTTP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// serverAddress is what the client has asked for, as host and port.
func serverAddress(req *socket.Request) (host, port string) {
	if host, port, err := net.SplitHostPort(req.Host); err == nil {
		return host, port
	}
	port = "80"
	if req.Secure {
		port = "443"
	}
	return req.Host, port
}

func (r *Runner) remoteHost(ctx context.Context, address string) string {
	if !r.options.ReverseLookup {
		return address
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	names, err := net.DefaultResolver.LookupAddr(ctx, address)
	if err != nil || len(names) == 0 {
		return address
	}
	return strings.TrimSuffix(slices.Min(names), ".")
}
