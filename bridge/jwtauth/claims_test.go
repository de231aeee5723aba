package jwtauth

import (
	"slices"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// raw signs claims whose bytes are the test's own.
type raw string

func (r raw) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func (raw) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (raw) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (raw) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (raw) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }
func (raw) GetIssuer() (string, error)                   { return "", nil }
func (raw) GetSubject() (string, error)                  { return "", nil }

func TestClaims(t *testing.T) {
	t.Parallel()
	cfg := withSecret()
	cfg.AllowEternal = true
	cfg.Data = []string{"name", "color", "sub"}
	custom := cfg
	custom.Identity, custom.Roles, custom.Data = "uid", "https://example.com/roles", nil
	tests := map[string]struct {
		cfg   Config
		token string
		id    string
		roles []string
		data  string
	}{
		"least":                {custom, `{"uid":"ann"}`, "ann", nil, ""},
		"other claims":         {custom, `{"sub":"eve","uid":"ann","roles":["x"],"https://example.com/roles":["a"]}`, "ann", []string{"a"}, ""},
		"a number":             {custom, `{"uid":9007199254740993}`, "9007199254740993", nil, ""},
		"a negative number":    {custom, `{"uid":-7}`, "-7", nil, ""},
		"escapes":              {custom, `{"uid":"\u00e4\u0022\ud83d\ude00"}`, "\u00e4\"\U0001F600", nil, ""},
		"roles in a text":      {cfg, `{"sub":"ann","roles":" admin  editor "}`, "ann", []string{"admin", "editor"}, `{"sub":"ann"}`},
		"roles in a list":      {cfg, `{"sub":"ann","roles":["admin","two words"]}`, "ann", []string{"admin", "two words"}, `{"sub":"ann"}`},
		"roles null":           {cfg, `{"sub":"ann","roles":null}`, "ann", nil, `{"sub":"ann"}`},
		"data as it stands":    {cfg, `{"color":{"b":1.0,"a":1e2},"sub":"ann","name":"\u0041nn"}`, "ann", nil, `{"name":"\u0041nn","color":{"b":1.0,"a":1e2},"sub":"ann"}`},
		"data null and number": {cfg, `{"sub":"ann","name":null,"color":12345678901234567890}`, "ann", nil, `{"name":null,"color":12345678901234567890,"sub":"ann"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := verify(start(t, tt.cfg), sign(t, HS256, []byte(secret), nil, raw(tt.token)))
			if err != nil {
				t.Fatal(err)
			}
			if got.ID != tt.id || !slices.Equal(got.Roles, tt.roles) || string(got.Data) != tt.data {
				t.Errorf("got %q, %q, %s; want %q, %q, %s", got.ID, got.Roles, got.Data, tt.id, tt.roles, tt.data)
			}
			if !got.ExpiresAt.IsZero() {
				t.Errorf("expires at %v, want never", got.ExpiresAt)
			}
		})
	}
}

// A caller can not reach into the token that another one sent.
func TestClaimsAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	cfg := withSecret()
	cfg.Data = []string{"sub"}
	v := start(t, cfg)
	token := sign(t, HS256, []byte(secret), nil, ann(nil))
	first, err := verify(v, token)
	if err != nil {
		t.Fatal(err)
	}
	copy(first.Data, "########")
	second, err := verify(v, token)
	if err != nil || string(second.Data) != `{"sub":"ann"}` {
		t.Errorf("got %s, %v", second.Data, err)
	}
}
