// Package wsclient is a small client of Troupe's protocol.
package wsclient
