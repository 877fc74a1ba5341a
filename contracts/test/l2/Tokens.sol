// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC1155} from "@openzeppelin/contracts-shanghai/token/ERC1155/ERC1155.sol";
import {ERC20} from "@openzeppelin/contracts-shanghai/token/ERC20/ERC20.sol";
import {ERC721} from "@openzeppelin/contracts-shanghai/token/ERC721/ERC721.sol";
import {IERC165} from "@openzeppelin/contracts-shanghai/utils/introspection/IERC165.sol";
import {IOptimismMintableERC20} from "../../bridge/IOptimismMintableERC20.sol";

// Tokens of all sorts. Anyone mints.

contract PlainToken is ERC20("Plain", "PLN") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// Returns nothing, as the largest of them do.
contract SilentToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Says false instead of reverting, and can be made to refuse everything for a while.
contract MoodyToken is PlainToken {
    bool public refuses;

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return !refuses && super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return !refuses && super.transferFrom(from, to, amount);
    }
}

/// Takes a hundredth on the way, from what arrives or from what is left with the sender.
contract FeeToken is PlainToken {
    bool public senderPays;
    bool public off;

    function set(bool senderPays_, bool off_) external {
        senderPays = senderPays_;
        off = off_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0) || off) return super._update(from, to, amount);
        uint256 fee = amount / 100;
        super._update(from, to, senderPays ? amount : amount - fee);
        super._update(from, address(0xdead), fee);
    }
}

/// Balances are shares of a whole that changes.
contract RebasingToken is PlainToken {
    uint256 public factor = 100;

    function setFactor(uint256 factor_) external {
        factor = factor_;
    }

    function balanceOf(address who) public view override returns (uint256) {
        return super.balanceOf(who) * factor / 100;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return super.transfer(to, amount * 100 / factor);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _transfer(from, to, amount * 100 / factor);
        return true;
    }
}

interface IHook {
    function onToken(bool sending, uint256 amount) external;
}

/// Calls the sender before, and the receiver after, it moves anything, as ERC-777 does.
contract HookToken is PlainToken {
    mapping(address => bool) public hooked;

    function hook() external {
        hooked[msg.sender] = true;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (hooked[from]) IHook(from).onToken(true, amount);
        super._update(from, to, amount);
        if (hooked[to]) IHook(to).onToken(false, amount);
    }
}

/// Answers whatever it likes about its balances and moves nothing.
contract LyingToken {
    uint256 private _answer;

    function balanceOf(address) external view returns (uint256) {
        return _answer;
    }

    function allowance(address, address) external pure returns (uint256) {
        return 0;
    }

    function transferFrom(address, address, uint256 amount) external returns (bool) {
        _answer += amount;
        return true;
    }

    function transfer(address, uint256) external pure returns (bool) {
        return true;
    }
}

/// Poses as the bridge's image of a token, and can change its mind.
contract Impostor is IOptimismMintableERC20 {
    address public remoteToken;
    address public bridge;
    bool public isImage = true;
    uint256 public minted;
    uint256 public burnt;

    constructor(address remoteToken_, address bridge_) {
        remoteToken = remoteToken_;
        bridge = bridge_;
    }

    function set(address remoteToken_, bool isImage_) external {
        remoteToken = remoteToken_;
        isImage = isImage_;
    }

    function supportsInterface(bytes4 id) external view returns (bool) {
        return id == type(IERC165).interfaceId || (isImage && id == type(IOptimismMintableERC20).interfaceId);
    }

    function mint(address, uint256 amount) external {
        minted += amount;
    }

    function burn(address, uint256 amount) external {
        burnt += amount;
    }
}

/// Can be made to refuse every transfer for a while.
contract MoodyNft is ERC721("Nft", "NFT") {
    bool public refuses;

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    function mint(address to, uint256 id) external {
        _mint(to, id);
    }

    function _update(address to, uint256 id, address auth) internal override returns (address) {
        require(!refuses, "refused");
        return super._update(to, id, auth);
    }
}

/// Asks the owner first, and then moves the token whoever owns it by then.
contract HookNft is ERC721("Hook", "HOOK") {
    function mint(address to, uint256 id) external {
        _mint(to, id);
    }

    function transferFrom(address from, address to, uint256 id) public override {
        _checkAuthorized(_ownerOf(id), msg.sender, id);
        IHook(from).onToken(true, id);
        _update(to, id, address(0));
    }
}

/// Says that it has moved the token, and has not.
contract StuckNft is ERC721("Stuck", "STK") {
    function mint(address to, uint256 id) external {
        _mint(to, id);
    }

    function transferFrom(address, address, uint256) public override {}
}

contract MoodyMulti is ERC1155("") {
    bool public refuses;

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    function mint(address to, uint256 id, uint256 amount) external {
        _mint(to, id, amount, "");
    }

    function _update(address from, address to, uint256[] memory ids, uint256[] memory amounts)
        internal
        virtual
        override
    {
        require(!refuses, "refused");
        super._update(from, to, ids, amounts);
    }
}

/// Keeps one of each for itself.
contract FeeMulti is MoodyMulti {
    function _update(address from, address to, uint256[] memory ids, uint256[] memory amounts) internal override {
        if (from != address(0)) {
            for (uint256 i = 0; i < amounts.length; i++) {
                amounts[i]--;
            }
        }
        super._update(from, to, ids, amounts);
    }
}
