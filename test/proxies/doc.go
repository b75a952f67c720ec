// Package proxies holds nothing but tests: every transport through nginx, HAProxy and Varnish, as people set them up and as
// configs has them. They run the real programs as children, on free ports of this machine; scripts/install-test-deps.sh installs
// what they need.
package proxies
