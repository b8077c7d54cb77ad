"""What one visitor may ask of the studio; more is refused in one sentence. All numbers are ours."""

MESSAGE_BYTES = 2_000_000  # a drawing: of a thousand long strokes
STROKES = 3_000
POINTS = 60_000  # of all strokes together
UPLOAD_BYTES = 32 * 2**20
UPLOAD_PIXELS = 40_000_000  # 120 MB once decoded
UPLOAD_S = 60.0  # for all of a file to arrive
UPLOADS = 2  # that are worked on at once; others wait
EDIT_PIXELS = 16_000_000  # of a photo that is edited: it is kept, 48 MB, while its page is open
PHOTOS = 16  # so kept; for one more the one that was longest not drawn on goes
COLOURS = 200  # changes of the brush's colour on one photo
CONNECTIONS = 16  # pages that draw at once, of a kind
SEND_S = 10.0  # for a visitor to take a reply; who takes longer is sent away
