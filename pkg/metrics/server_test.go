package metrics

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestServer: whatever pods may reach asks who they are.
func TestServer(t *testing.T) {
	for address, guarded := range map[string]bool{
		":8080": true, "0.0.0.0:8080": true, "[::]:8080": true, "10.0.0.7:8080": true, "metrics.example:8080": true, "8080": true,
		"127.0.0.1:8080": false, "[::1]:8080": false, "localhost:8080": false, "0": false,
	} {
		options := Server(address)
		assert.Equal(t, address, options.BindAddress)
		assert.Equal(t, guarded, options.SecureServing, address)
		assert.Equal(t, guarded, options.FilterProvider != nil, address)
	}
}
