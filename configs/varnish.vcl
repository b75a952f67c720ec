# Varnish in front of Tidings: every transport prompt, and a million pollers answered from one request a second.
#
# varnishd -f /etc/varnish/tidings.vcl. Change the address. Each open stream holds one thread of Varnish or two
# (thread_pool_max), so that it serves pollers by the million and followers by the thousand. docs/proxies.md says more.
vcl 4.1;

backend tidings {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 5s;
    # Longer than anything is silent: a poll is held for up to 55 s, and streams have a heartbeat every 20 s.
    .first_byte_timeout = 75s;
    .between_bytes_timeout = 75s;
}

sub vcl_recv {
    # Who asks, set anew: what the client itself says here may be a lie. Behind another proxy of yours leave this out: Varnish has
    # added its own to the list already.
    set req.http.X-Forwarded-For = client.ip;

    # A WebSocket is two streams of bytes: Varnish only carries those.
    if (req.http.Upgrade ~ "(?i)^websocket$") {
        return (pipe);
    }

    # A poll that says nothing of who asks or what they have already: its answer is the same for everybody. Anything else in the
    # URL (session, since, wait, …) or a credential makes it somebody's own.
    if (req.method == "GET" && !req.http.Authorization
        && req.http.Accept !~ "(?i)event-stream|x-ndjson|multipart/"
        && req.url ~ "^/topics(/[^?]*)?(\?((topic|limit)=[^&]*|transport=poll|blind=1)(&((topic|limit)=[^&]*|transport=poll|blind=1))*)?$") {
        # Varnish would keep an answer for each way to write it, and they are all the same.
        unset req.http.Accept;
        return (hash);
    }

    # Everything else goes straight through. Without this line Varnish has all who wait at one URL queue behind the first of them,
    # and asks with GET where HEAD was meant.
    return (pass);
}

sub vcl_pipe {
    # Varnish takes these for matters between neighbours and drops them.
    set bereq.http.Upgrade = req.http.Upgrade;
    set bereq.http.Connection = req.http.Connection;
}

sub vcl_backend_response {
    # Pass on what comes when it comes. This is the default; a false here holds every stream to its end.
    set beresp.do_stream = true;

    if (!bereq.uncacheable) {
        # What the gateway marks Cache-Control: public, max-age=1 is kept that long, everything else not at all. When the second is
        # over, one request asks the gateway; the others get the old answer meanwhile, but none that is older than this.
        set beresp.grace = 1s;
        # Asks with If-None-Match: while nothing is new, the gateway answers 304 without a body.
        set beresp.keep = 10s;
    }
}
