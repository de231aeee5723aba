// Package gateway carries topics to browsers and other clients over WebSocket.
package gateway
