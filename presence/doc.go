// Package presence is who is on a topic.
package presence
